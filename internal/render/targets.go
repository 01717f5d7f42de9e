// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

// lookUp resolves the target of a Service port to a port of the pod like the endpoints controller:
// it searches the containers and sidecars for a name, and returns a number as it is.
func lookUp(spec *corev1.PodSpec, target intstr.IntOrString, protocol corev1.Protocol) (found containerPort, ok bool) {
	if target.Type == intstr.Int {
		return containerPort{number: target.IntVal}, true
	}
	for _, container := range running(spec) {
		for _, port := range container.Ports {
			if port.Name == target.StrVal && protocolOf(port) == protocol {
				return containerPort{container.Name, port.ContainerPort}, true
			}
		}
	}
	return containerPort{}, false
}

// containerPort is a port and the name of its container; the name is empty if it is unknown.
type containerPort struct {
	container string
	number    int32
}

// running returns the containers and sidecars, which run for the whole life of the pod.
func running(spec *corev1.PodSpec) []*corev1.Container {
	var all []*corev1.Container
	for i := range spec.Containers {
		all = append(all, &spec.Containers[i])
	}
	for i := range spec.InitContainers {
		if ptr.Deref(spec.InitContainers[i].RestartPolicy, "") == corev1.ContainerRestartPolicyAlways {
			all = append(all, &spec.InitContainers[i])
		}
	}
	return all
}

func protocolOf(port corev1.ContainerPort) corev1.Protocol {
	return cmp.Or(port.Protocol, corev1.ProtocolTCP)
}

// targetOf returns the Service's target for the port in the merged template. It is the port's name
// if that still resolves to the port, or if the overlay gave the name to another container.
// Otherwise it is the name or number under which a container has the port's number. If no container
// has the number, it is the port's name if the overlay kept that for another number.
func targetOf(spec *corev1.PodSpec, port v1alpha1.Port) (intstr.IntOrString, error) {
	name := intstr.FromString(port.Name)
	found, ok := lookUp(spec, name, port.Protocol)
	if ok && (found.number == port.ContainerPort || found.container != naming.AppContainer) {
		return name, nil
	}
	for _, container := range running(spec) {
		if has, found := portOf(container, port); found {
			target := has
			if again, _ := lookUp(spec, has, port.Protocol); again.number != port.ContainerPort {
				target = intstr.FromInt32(port.ContainerPort)
			}
			return target, nil
		}
	}
	if ok {
		return name, nil
	}
	return name, invalid("podTemplate: it takes port %d/%s (%s) away from container %q, and the Service sends port %d there: "+
		"leave it, give another container a port named %[3]s, or remove the entry from ports",
		port.ContainerPort, port.Protocol, port.Name, naming.AppContainer, *port.ServicePort)
}

// portOf returns the container's name for the port, or its number if it has no name.
func portOf(container *corev1.Container, port v1alpha1.Port) (target intstr.IntOrString, found bool) {
	for _, candidate := range container.Ports {
		if candidate.ContainerPort != port.ContainerPort || protocolOf(candidate) != port.Protocol {
			continue
		}
		if candidate.Name == port.Name {
			return intstr.FromString(port.Name), true
		}
		if !found {
			target, found = intstr.FromInt32(port.ContainerPort), true
			if candidate.Name != "" {
				target = intstr.FromString(candidate.Name)
			}
		}
	}
	return target, found
}

// follow adjusts the generated readiness probe if the overlay renamed the port that it checks. It
// returns an error if the overlay removed the port.
func follow(app *corev1.Container, port *v1alpha1.Port) error {
	probe := app.ReadinessProbe
	if port == nil || probe == nil || probe.TCPSocket == nil || probe.TCPSocket.Port != intstr.FromString(port.Name) {
		return nil
	}
	target, found := portOf(app, *port)
	if !found && hasPort(app, port.Name) {
		return nil // the overlay kept the name and changed the number
	}
	if !found {
		return invalid("podTemplate: it takes port %d/%s (%s) away from container %q, which the readiness probe checks: "+
			"leave it, or set readinessProbe", port.ContainerPort, port.Protocol, port.Name, app.Name)
	}
	probe.TCPSocket.Port = target
	return nil
}
