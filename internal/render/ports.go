// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// PortNames maps the number and protocol of Service ports to their names.
type PortNames map[servicePort]string

// servicePort identifies a port by its number and protocol on the Service.
type servicePort struct {
	number   int32
	protocol corev1.Protocol
}

func identityOf(port corev1.ServicePort) servicePort {
	return servicePort{port.Port, cmp.Or(port.Protocol, corev1.ProtocolTCP)}
}

// generated matches the names that the operator gives to ports without one. Earlier versions
// numbered them by position: port-0, port-1 and so on.
var generated = regexp.MustCompile(`^port-[0-9]+(-udp|-sctp)?$`)

// GeneratedNames returns the generated port names in the content, by component. A port keeps its
// name in later revisions, whichever version of the operator generated it, so that its Service
// reaches the pods of both revisions (R9) and the same spec renders to the same content (R3).
func GeneratedNames(content model.Content) map[string]PortNames {
	all := map[string]PortNames{}
	for _, component := range content.Components {
		if component.Service == nil {
			continue
		}
		names := PortNames{}
		for _, port := range component.Service.Ports {
			if generated.MatchString(port.Name) {
				names[identityOf(port)] = port.Name
			}
		}
		all[component.Name] = names
	}
	return all
}

// named returns the ports with the fields that the spec omits: the name, the Service port number
// and the protocol. Names in the spec take precedence over kept names, and those over names
// generated from the number. If a name is already taken, the port gets another one.
func named(ports []v1alpha1.Port, kept PortNames) []v1alpha1.Port {
	ports = slices.Clone(ports)
	taken := map[string]bool{}
	for i := range ports {
		port := &ports[i]
		port.Protocol = cmp.Or(port.Protocol, corev1.ProtocolTCP)
		port.ServicePort = ptr.To(ptr.Deref(port.ServicePort, port.ContainerPort))
		taken[port.Name] = true
	}
	for i := range ports {
		name := kept[servicePort{*ports[i].ServicePort, ports[i].Protocol}]
		if ports[i].Name == "" && !taken[name] {
			ports[i].Name, taken[name] = name, true
		}
	}
	for i := range ports {
		if ports[i].Name == "" {
			ports[i].Name = free(ports[i], taken)
			taken[ports[i].Name] = true
		}
	}
	return ports
}

// free returns an unused name derived from the Service port number.
func free(port v1alpha1.Port, taken map[string]bool) string {
	protocol := string(port.Protocol)
	name := naming.Port(*port.ServicePort, protocol)
	for n := 1; taken[name]; n++ { // port names have at most 15 characters
		name = fmt.Sprintf("p%d-%s-%d", *port.ServicePort, strings.ToLower(protocol), n)
	}
	return name
}

// unnamed removes the generated names from the image's ports, so that a port gets the same name
// whether the image or the spec defines it.
func unnamed(ports []v1alpha1.Port) []v1alpha1.Port {
	ports = slices.Clone(ports)
	for i, port := range ports {
		if generated.MatchString(port.Name) {
			ports[i].Name = ""
		}
	}
	return ports
}

// firstTCP returns the first TCP port, or nil.
func firstTCP(ports []v1alpha1.Port) *v1alpha1.Port {
	for i := range ports {
		if ports[i].Protocol == corev1.ProtocolTCP {
			return &ports[i]
		}
	}
	return nil
}
