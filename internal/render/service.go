// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// service is the Service of a component with ports, else nil. Its target
// ports are names, so that a changed number serves old and new pods alike (R9).
func service(component v1alpha1.Component) *model.Service {
	if len(component.Ports) == 0 {
		return nil
	}
	spec := ptr.Deref(component.Service, v1alpha1.ServiceSpec{})
	out := &model.Service{
		Type:              cmp.Or(spec.Type, corev1.ServiceTypeClusterIP),
		Annotations:       spec.Annotations,
		LoadBalancerClass: spec.LoadBalancerClass,
	}
	for i, port := range component.Ports {
		name := naming.Port(port.Name, i)
		servicePort := corev1.ServicePort{
			Name:       name,
			Port:       ptr.Deref(port.ServicePort, port.ContainerPort),
			TargetPort: intstr.FromString(name),
			Protocol:   cmp.Or(port.Protocol, corev1.ProtocolTCP),
		}
		if port.AppProtocol != "" {
			servicePort.AppProtocol = &port.AppProtocol
		}
		out.Ports = append(out.Ports, servicePort)
	}
	return out
}

// WithPortsOf adds the ports of an earlier Service that may still be in use
// (R9). A number that the new ports use is theirs; where only the name is taken,
// the earlier port goes on under another.
func WithPortsOf(current, earlier *model.Service) *model.Service {
	if earlier == nil {
		return current
	}
	if current == nil {
		return earlier
	}
	both := *current
	both.Ports = slices.Clone(current.Ports)
	for _, port := range earlier.Ports {
		if slices.ContainsFunc(both.Ports, func(p corev1.ServicePort) bool {
			return p.Port == port.Port && p.Protocol == port.Protocol
		}) {
			continue
		}
		taken := func(p corev1.ServicePort) bool { return p.Name == port.Name }
		for name, n := port.Name, 0; slices.ContainsFunc(both.Ports, taken); n++ {
			port.Name = fmt.Sprintf("%s-%d", name, port.Port)
			if n > 0 {
				port.Name = fmt.Sprintf("%s-%d-%d", name, port.Port, n)
			}
		}
		both.Ports = append(both.Ports, port)
	}
	return &both
}

// Served is what a live Service serves of a recorded one, or nil where nothing.
func Served(recorded *model.Service, live *corev1.Service) *model.Service {
	if recorded == nil || live == nil {
		return nil
	}
	served := *recorded
	served.Ports = slices.DeleteFunc(slices.Clone(recorded.Ports), func(port corev1.ServicePort) bool {
		return !slices.ContainsFunc(live.Spec.Ports, func(p corev1.ServicePort) bool {
			return p.Port == port.Port && p.Protocol == port.Protocol
		})
	})
	if len(served.Ports) == 0 {
		return nil
	}
	return &served
}

// Service is the configuration to apply for a component's Service, or nil
// where it has none.
func Service(stack *v1alpha1.AppStack, component model.Component) *corev1ac.ServiceApplyConfiguration {
	svc := component.Service
	if svc == nil {
		return nil
	}
	spec := corev1ac.ServiceSpec().
		WithType(svc.Type).
		WithSelector(component.Selector)
	if svc.LoadBalancerClass != "" {
		spec.WithLoadBalancerClass(svc.LoadBalancerClass)
	}
	for _, port := range svc.Ports {
		config := corev1ac.ServicePort().
			WithName(port.Name).
			WithPort(port.Port).
			WithTargetPort(port.TargetPort).
			WithProtocol(port.Protocol)
		config.AppProtocol = port.AppProtocol
		spec.WithPorts(config)
	}
	return corev1ac.Service(naming.Object(stack.Name, component.Name), stack.Namespace).
		WithLabels(naming.Labels(stack.Name, component.Name)).
		WithAnnotations(svc.Annotations).
		WithOwnerReferences(owner(stack)).
		WithSpec(spec)
}
