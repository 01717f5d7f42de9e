// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// checkHandlers returns an error if a probe or lifecycle handler names a port that its container
// does not have: the kubelet could not resolve it, and the pod would never become ready.
func checkHandlers(spec *corev1.PodSpec) error {
	for _, container := range containers(spec) {
		for _, handler := range handlersOf(container) {
			if handler.port.Type == intstr.String && !hasPort(container, handler.port.StrVal) {
				return invalid("container %q: %s names the port %q, which the container does not have: %s, or a number",
					container.Name, handler.field, handler.port.StrVal, choice(container))
			}
		}
	}
	return nil
}

// handler is a probe or lifecycle field that refers to a port of its container.
type handler struct {
	field string
	port  intstr.IntOrString
}

func handlersOf(container *corev1.Container) []handler {
	var all []handler
	add := func(field string, get *corev1.HTTPGetAction, socket *corev1.TCPSocketAction) {
		if get != nil {
			all = append(all, handler{field + ".httpGet.port", get.Port})
		}
		if socket != nil {
			all = append(all, handler{field + ".tcpSocket.port", socket.Port})
		}
	}
	for _, probe := range []struct {
		field string
		*corev1.Probe
	}{
		{"readinessProbe", container.ReadinessProbe},
		{"livenessProbe", container.LivenessProbe},
		{"startupProbe", container.StartupProbe},
	} {
		if probe.Probe != nil {
			add(probe.field, probe.HTTPGet, probe.TCPSocket)
		}
	}
	if lifecycle := container.Lifecycle; lifecycle != nil {
		if hook := lifecycle.PostStart; hook != nil {
			add("lifecycle.postStart", hook.HTTPGet, hook.TCPSocket)
		}
		if hook := lifecycle.PreStop; hook != nil {
			add("lifecycle.preStop", hook.HTTPGet, hook.TCPSocket)
		}
	}
	return all
}

func hasPort(container *corev1.Container, name string) bool {
	for _, port := range container.Ports {
		if port.Name == name {
			return true
		}
	}
	return false
}

// choice lists the valid names for an error message.
func choice(container *corev1.Container) string {
	var names []string
	for _, port := range container.Ports {
		if port.Name != "" {
			names = append(names, port.Name)
		}
	}
	if len(names) == 0 {
		return "give a port that name"
	}
	return "name one of " + strings.Join(names, ", ")
}
