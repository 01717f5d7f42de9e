// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
)

// Backend is a revision of a component that may have pods behind the component's Service.
type Backend struct {
	model.Component
	// Since orders the backends by when the Service started to serve them; the last good one is
	// first.
	Since int64
	// Available and Ready are the known numbers of its available and ready pods. A pod that is
	// ready but not yet available may still crash.
	Available, Ready int32
}

// Handover returns the Service of a component during a rollout: the Service of the first backend,
// which is the rollout's revision, plus the ports of the other backends, newest first, until the
// rollout has succeeded (R9).
//
// An existing port keeps its name and application protocol during the rollout, because kube-proxy
// and gateways identify it by them; they must be values that one of the revisions gave it. Its
// target reaches the pods of all backends if possible. Otherwise it is the target that reaches the
// most available pods, and in a tie the one of the new revision.
func Handover(backends []Backend, live *corev1.Service) *model.Service {
	service := union(backends, live)
	if service == nil {
		return nil
	}
	keepNames(service, backends, live)
	for i := range service.Ports {
		port := &service.Ports[i]
		port.TargetPort = handedTo(*port, backends, live)
	}
	return service
}

// LacksTarget reports whether a port has no target that reaches the pods of all backends.
func LacksTarget(backends []Backend) bool {
	for _, backend := range backends {
		for _, port := range portsOf(backend.Service) {
			if _, found := common(port.TargetPort, meanings(port, backends)); !found {
				return true
			}
		}
	}
	return false
}

// union returns the first backend's Service plus those ports of the others that the live Service
// serves.
func union(backends []Backend, live *corev1.Service) *model.Service {
	var all *model.Service
	for i, backend := range backends {
		service := backend.Service
		if i > 0 {
			service = Served(service, live)
		}
		switch {
		case service == nil:
		case all == nil:
			first := *service
			first.Ports = slices.Clone(service.Ports)
			all = &first
		default:
			for _, port := range service.Ports {
				if find(all, port) == nil {
					all.Ports = append(all.Ports, port)
				}
			}
		}
	}
	return all
}

// Served returns the ports of a recorded Service that the live Service serves, as a Service, or nil
// if there are none.
func Served(recorded *model.Service, live *corev1.Service) *model.Service {
	if recorded == nil || live == nil {
		return nil
	}
	served := *recorded
	served.Ports = slices.DeleteFunc(slices.Clone(recorded.Ports), func(port corev1.ServicePort) bool {
		return find(&model.Service{Ports: live.Spec.Ports}, port) == nil
	})
	if len(served.Ports) == 0 {
		return nil
	}
	return &served
}

// keepNames keeps the live name of each port if one of the backends uses it, and otherwise gives
// the port its oldest name: a newer backend's name may never have been served. If another port
// already has the name, the port gets a free one.
func keepNames(service *model.Service, backends []Backend, live *corev1.Service) {
	ordered := slices.SortedFunc(slices.Values(backends), Backend.before)
	kept, taken := map[servicePort]bool{}, map[string]bool{}
	for _, backend := range ordered {
		for _, earlier := range portsOf(backend.Service) {
			port := find(service, earlier)
			if port == nil || kept[identityOf(earlier)] {
				continue
			}
			known := knownAs(earlier, ordered, live)
			port.Name, port.AppProtocol = known.Name, known.AppProtocol
			for n := 0; taken[port.Name]; n++ {
				port.Name = fmt.Sprintf("%s-%d", known.Name, port.Port)
				if n > 0 {
					port.Name = fmt.Sprintf("%s-%d-%d", known.Name, port.Port, n)
				}
			}
			kept[identityOf(earlier)], taken[port.Name] = true, true
		}
	}
}

// knownAs returns the port with its live name and protocol if one of the backends uses both, and
// otherwise as the oldest backend has it.
func knownAs(first corev1.ServicePort, backends []Backend, live *corev1.Service) corev1.ServicePort {
	if live == nil {
		return first
	}
	present := find(&model.Service{Ports: live.Spec.Ports}, first)
	for _, backend := range backends {
		asked := find(backend.Service, first)
		if present != nil && asked != nil && asked.Name == present.Name && ptr.Equal(asked.AppProtocol, present.AppProtocol) {
			return *asked
		}
	}
	return first
}

// meaning is the container port to which a backend's own Service maps a Service port.
type meaning struct {
	Backend
	protocol corev1.Protocol
	// has reports whether the backend's own Service has the port. target is the port's target
	// there, and number the container port to which it resolves.
	has    bool
	target intstr.IntOrString
	number int32
}

func meanings(port corev1.ServicePort, backends []Backend) []meaning {
	var all []meaning
	for _, backend := range backends {
		means := meaning{Backend: backend, protocol: identityOf(port).protocol}
		if own := find(backend.Service, port); own != nil {
			var found containerPort
			found, means.has = lookUp(&backend.Template.Spec, own.TargetPort, means.protocol)
			means.target, means.number = own.TargetPort, found.number
		}
		all = append(all, means)
	}
	return all
}

// reached reports whether the target resolves to the intended port in the backend's pods.
func (m meaning) reached(target intstr.IntOrString) bool {
	found, ok := lookUp(&m.Template.Spec, target, m.protocol)
	return m.has && ok && found.number == m.number
}

// misled reports whether the target resolves to a different declared port of the backend's pods.
func (m meaning) misled(target intstr.IntOrString) bool {
	if m.reached(target) {
		return false
	}
	found, ok := lookUp(&m.Template.Spec, target, m.protocol)
	return ok && slices.ContainsFunc(running(&m.Template.Spec), func(container *corev1.Container) bool {
		return slices.ContainsFunc(container.Ports, func(port corev1.ContainerPort) bool {
			return port.ContainerPort == found.number && protocolOf(port) == m.protocol
		})
	})
}

// handedTo returns the target of the port during the rollout.
func handedTo(port corev1.ServicePort, backends []Backend, live *corev1.Service) intstr.IntOrString {
	all := meanings(port, backends)
	if target, found := common(port.TargetPort, all); found {
		return target
	}
	var present *corev1.ServicePort
	if live != nil {
		present = find(&model.Service{Ports: live.Spec.Ports}, port)
	}
	return majority(all, present)
}

// targets lists the targets that resolve to the intended port: the backend's own target, then the
// number, then any other names of the port in its pods.
func (m meaning) targets() []intstr.IntOrString {
	all := []intstr.IntOrString{m.target, intstr.FromInt32(m.number)}
	for _, container := range running(&m.Template.Spec) {
		for _, port := range container.Ports {
			if name := intstr.FromString(port.Name); port.Name != "" && name != m.target && m.reached(name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// common returns a target that reaches the pods of all backends that have the port. Among several,
// it prefers the one that resolves to a different port in the fewest other backends, then the
// newest backend's own target, an earlier one's, a number, and last another name.
func common(own intstr.IntOrString, all []meaning) (best intstr.IntOrString, found bool) {
	candidates, having := []intstr.IntOrString{}, 0
	for _, means := range all {
		if means.has {
			candidates = append(candidates, means.target)
			having++
		}
	}
	if having == 0 {
		return own, true
	}
	for _, means := range all {
		if means.has {
			candidates = append(candidates, means.targets()[1:]...)
		}
	}
	fewest := 0
	for _, target := range candidates {
		reached, misled := tally(all, target)
		if reached == having && (!found || misled < fewest) {
			best, fewest, found = target, misled, true
		}
	}
	return best, found
}

// tally counts the backends that the target reaches, and those where it resolves to a different
// port.
func tally(all []meaning, target intstr.IntOrString) (reached, misled int) {
	for _, means := range all {
		if means.reached(target) {
			reached++
		}
		if means.misled(target) {
			misled++
		}
	}
	return reached, misled
}

// majority returns the target for a port without a common one: the target that reaches the most
// pods. As long as no pod is known to be ready, it keeps the live target
// if a backend has it.
func majority(all []meaning, present *corev1.ServicePort) intstr.IntOrString {
	type choice struct {
		target                   intstr.IntOrString
		available, ready, misled int
		newest, stays            bool
	}
	better := func(a, b choice) bool {
		return cmp.Or(
			cmp.Compare(a.available, b.available), cmp.Compare(a.ready, b.ready), compareBool(a.newest, b.newest),
			cmp.Compare(b.misled, a.misled), compareBool(a.stays, b.stays),
		) > 0
	}
	var best *choice
	for _, means := range slices.SortedFunc(slices.Values(all), func(a, b meaning) int { return a.before(b.Backend) }) {
		if !means.has {
			continue
		}
		for _, target := range means.targets() {
			next := choice{target: target, stays: present != nil && present.TargetPort == target}
			for _, other := range all {
				if other.reached(target) {
					next.available += int(other.Available)
					next.ready += int(other.Ready)
				}
			}
			if next.available > 0 {
				next.ready = 0 // ready pods may still crash, so they count only without available ones
			}
			_, next.misled = tally(all, target)
			next.newest = next.available+next.ready > 0 && all[0].reached(target)
			if next.stays && !anyReady(all) {
				return target
			}
			if best == nil || better(next, *best) {
				best = &next
			}
		}
	}
	return best.target
}

func (b Backend) before(other Backend) int { return cmp.Compare(b.Since, other.Since) }

func anyReady(all []meaning) bool {
	return slices.ContainsFunc(all, func(means meaning) bool { return means.has && means.Ready > 0 })
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// find returns the Service's port with the same number and protocol, or nil.
func find(service *model.Service, port corev1.ServicePort) *corev1.ServicePort {
	if service == nil {
		return nil
	}
	for i := range service.Ports {
		if identityOf(service.Ports[i]) == identityOf(port) {
			return &service.Ports[i]
		}
	}
	return nil
}

func portsOf(service *model.Service) []corev1.ServicePort {
	if service == nil {
		return nil
	}
	return service.Ports
}
