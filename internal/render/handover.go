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

// Backend is a revision of a component that may have pods.
type Backend struct {
	model.Component
	// Since orders the backends by when the Service came to be for them: the last good
	// one first.
	Since int64
	// Available and Ready are how many of its pods are, as far as that is known. One
	// that is just ready may yet crash.
	Available, Ready int32
}

// Handover is the Service of a component while a rollout is under way: that of
// the first backend, which is the rollout's, with the ports of the others, newest
// first, until it has succeeded (R9).
//
// A port that is there keeps its name and its application protocol meanwhile,
// by which kube-proxy and gateways know it: those that one of the revisions gave it.
// Its target reaches the pods of all
// backends. Where no target does, it is the one that reaches most of the available
// pods, and of two that reach as many, the new one.
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

// LacksTarget says whether a port has no target that reaches the pods of all backends.
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

// union is the first Service with the ports of the others that the live one serves.
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

// Served is what a live Service serves of a recorded one, or nil where nothing.
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

// keepNames gives each port the name that it has, where that is of one of the
// backends, else the one that it had first: what another backend asks for may never
// have come to be served. Where another port took that, it gets one that is free.
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

// knownAs is the port as the live Service has it, where one of the backends asks for
// just that, else as it was first.
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

// meaning is what a backend means by a port of the Service.
type meaning struct {
	Backend
	protocol corev1.Protocol
	// has says that its own Service has the port, which leads to the container port number by the target.
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

// reached says whether the target leads to what the backend means.
func (m meaning) reached(target intstr.IntOrString) bool {
	found, ok := lookUp(&m.Template.Spec, target, m.protocol)
	return m.has && ok && found.number == m.number
}

// misled says whether the target leads to a port of the backend's pods that is for something else.
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

// handedTo is the target of the port.
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

// targets lead to what the backend means: its own first, then the number, and then
// the other names that its pods have for that.
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

// common is the target that reaches the pods of all backends which have the port:
// the newest one's own, else an earlier one's, else the number, else another name. It leads to
// nothing else in pods that do not have the port, if that can be.
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

// tally counts the backends that the target reaches, and those that it misleads.
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

// majority is the target of a port that none leads to in the pods of all backends:
// the one that reaches most. While no pod is known to be ready, it stays what it is.
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
				next.ready = 0 // those that may yet crash count where there is nothing else
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

// find is the Service's port of the same number and protocol, or nil.
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
