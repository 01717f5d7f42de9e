// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// service returns the Service of a component, or nil if it has no ports. Target ports are names, so
// that the Service reaches old and new pods even if the container port number changes (R9).
func service(component v1alpha1.Component, pod *corev1.PodSpec) (*model.Service, error) {
	if len(component.Ports) == 0 {
		return nil, nil //nolint:nilnil // none is what it has
	}
	spec := ptr.Deref(component.Service, v1alpha1.ServiceSpec{})
	out := &model.Service{
		Type:              cmp.Or(spec.Type, corev1.ServiceTypeClusterIP),
		Annotations:       spec.Annotations,
		LoadBalancerClass: spec.LoadBalancerClass,
	}
	for _, port := range component.Ports {
		target, err := targetOf(pod, port)
		if err != nil {
			return nil, err
		}
		servicePort := corev1.ServicePort{
			Name:       port.Name,
			Port:       *port.ServicePort,
			TargetPort: target,
			Protocol:   port.Protocol,
		}
		if port.AppProtocol != "" {
			servicePort.AppProtocol = &port.AppProtocol
		}
		out.Ports = append(out.Ports, servicePort)
	}
	return out, nil
}

// Service returns the apply configuration of a component's Service, or nil if it has none.
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
