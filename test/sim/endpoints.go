// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/revision"
)

// backend are the ready pods of one template, with the container port that their revision intends
// for a port of its Service.
type backend struct {
	spec   corev1.PodSpec
	number int32
	reach
}

// reach is the number of available and of ready pods that receive traffic.
type reach struct{ available, ready int }

// less reports whether fewer available pods are reached, or fewer ready ones if no pod is
// available.
func (r reach) less(than reach) bool {
	return r.available < than.available || r.available+than.available == 0 && r.ready < than.ready
}

// expectReached checks that each port of a Service reaches all serving pods that have the port. If
// no single target reaches all, it must reach as many as the best target (R9).
func (w *World) expectReached() {
	if w.Refuses != nil || len(w.timeline) == 0 {
		return
	}
	for _, name := range names(w.state.Children[model.KindService]) {
		service := w.state.Children.Service(name)
		for _, port := range service.Spec.Ports {
			backends := w.backends(name, port)
			got := reaches(backends, port.Protocol, port.TargetPort)
			for _, target := range targets(backends, port.Protocol) {
				if most := reaches(backends, port.Protocol, target); got.less(most) {
					w.violate("port %d/%s of Service %s reaches %+v pods by %s, and could reach %+v by %s",
						port.Port, port.Protocol, name, got, port.TargetPort.String(), most, target.String())
				}
			}
		}
	}
}

// expectNamesKept checks that no port of a Service is renamed during a rollout. For kube-proxy it
// would be another port, without endpoints.
func (w *World) expectNamesKept(before, after *corev1.Service) {
	if before == nil || !w.timeline[0].Open() {
		return
	}
	for _, was := range before.Spec.Ports {
		for _, is := range after.Spec.Ports {
			if was.Port == is.Port && was.Protocol == is.Protocol && was.Name != is.Name {
				w.violate("port %d/%s of Service %s is renamed from %s to %s during a rollout", was.Port, was.Protocol, after.Name, was.Name, is.Name)
			}
		}
	}
}

// backends returns the ready pods of the Deployment whose revisions have the port.
func (w *World) backends(name string, port corev1.ServicePort) []backend {
	deployment := w.state.Children.Deployment(name)
	component := deployment.Labels[naming.LabelComponent]
	var all []backend
	for _, set := range w.pods[name].sets() {
		target := w.meant(component, set.template, port)
		if target == nil {
			continue
		}
		number, found := lookUp(set.spec, port.Protocol, *target)
		serving := reach{int(set.available(w.now, minReady(deployment))), int(set.available(w.now, 0))}
		if found && serving.ready > 0 {
			all = append(all, backend{spec: set.spec, number: number, reach: serving})
		}
	}
	return all
}

// meant returns the target of the port in the revision that the template is of. It searches the
// rollouts from the newest to the last one that succeeded, and returns nil if none has the port.
func (w *World) meant(component, template string, port corev1.ServicePort) *intstr.IntOrString {
	for _, rollout := range w.timeline {
		if found := w.portIn(rollout.Revision, component, template, port); found != nil {
			return &found.TargetPort
		}
		if rollout.Outcome == v1alpha1.OutcomeSucceeded {
			break
		}
	}
	return nil
}

func (w *World) portIn(number int64, component, template string, port corev1.ServicePort) *corev1.ServicePort {
	content := w.recorded[number]
	recorded := content.Find(component)
	if recorded == nil || recorded.Service == nil {
		return nil
	}
	key := naming.Revision(component, number)
	if w.templates[key] == "" {
		w.templates[key] = model.TemplateHash(recorded.Template)
	}
	if w.templates[key] != template {
		return nil
	}
	for i, candidate := range recorded.Service.Ports {
		if candidate.Port == port.Port && candidate.Protocol == port.Protocol {
			return &recorded.Service.Ports[i]
		}
	}
	return nil
}

// targets returns all candidates for a targetPort: the names and numbers of the backends' ports.
func targets(backends []backend, protocol corev1.Protocol) []intstr.IntOrString {
	var all []intstr.IntOrString
	for _, backend := range backends {
		all = append(all, intstr.FromInt32(backend.number))
		for _, container := range backend.spec.Containers {
			for _, port := range container.Ports {
				if port.Protocol == protocol {
					all = append(all, intstr.FromString(port.Name))
				}
			}
		}
	}
	return all
}

// reaches returns how many pods the target reaches at the intended container port.
func reaches(backends []backend, protocol corev1.Protocol, target intstr.IntOrString) (all reach) {
	for _, backend := range backends {
		if number, found := lookUp(backend.spec, protocol, target); found && number == backend.number {
			all.available += backend.available
			all.ready += backend.ready
		}
	}
	return all
}

// lookUp resolves a targetPort to a pod's port, as the endpoints controller does.
func lookUp(spec corev1.PodSpec, protocol corev1.Protocol, target intstr.IntOrString) (number int32, found bool) {
	if target.Type == intstr.Int {
		return target.IntVal, true
	}
	for _, container := range spec.Containers {
		for _, port := range container.Ports {
			if port.Name == target.StrVal && port.Protocol == protocol {
				return port.ContainerPort, true
			}
		}
	}
	return 0, false
}

// ExpectOwnPorts checks that, once its rollout has succeeded, a Service has exactly the ports and
// targets of the revision that runs (R9).
func (w *World) ExpectOwnPorts() {
	timeline := revision.Timeline(w.state.Revisions)
	if len(timeline) == 0 || timeline[0].Outcome != v1alpha1.OutcomeSucceeded {
		w.violate("the rollout has not succeeded")
		return
	}
	for _, component := range w.recorded[timeline[0].Revision].Components {
		live := w.state.Children.Service(naming.Object(w.Stack().Name, component.Name))
		switch {
		case component.Service == nil && live == nil:
		case component.Service == nil || live == nil:
			w.violate("component %s: Service recorded: %t, live: %t", component.Name, component.Service != nil, live != nil)
		case !equalPorts(component.Service.Ports, live.Spec.Ports):
			w.violate("component %s: ports are %v, want those of revision %d, %v",
				component.Name, live.Spec.Ports, timeline[0].Revision, component.Service.Ports)
		}
	}
}

func equalPorts(a, b []corev1.ServicePort) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || a[i].Port != b[i].Port || a[i].Protocol != b[i].Protocol || a[i].TargetPort != b[i].TargetPort {
			return false
		}
	}
	return true
}
