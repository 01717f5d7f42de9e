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

// PortNames are the names of a component's ports by what clients know of them.
type PortNames map[servicePort]string

// servicePort is the identity of a port: its number and protocol on the Service.
type servicePort struct {
	number   int32
	protocol corev1.Protocol
}

func identityOf(port corev1.ServicePort) servicePort {
	return servicePort{port.Port, cmp.Or(port.Protocol, corev1.ProtocolTCP)}
}

// generated matches the names of ports that have none in the spec. An earlier
// operator named them by their position: port-0, port-1 and so on.
var generated = regexp.MustCompile(`^port-[0-9]+(-udp|-sctp)?$`)

// GeneratedNames are the names that the operator gave to the ports of the content,
// by component. A port keeps its name from one revision to the next, whichever
// operator gave it, so that its Service reaches the pods of both (R9), and the
// same spec renders to the same content (R3).
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

// named are the ports with all that the spec leaves out: a name, the number on
// the Service, and the protocol. A name that is given goes first, then one that
// was kept, then one by the number. Of those that are taken, others are found.
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

// free is a name by the port's number on the Service that no other port has.
func free(port v1alpha1.Port, taken map[string]bool) string {
	protocol := string(port.Protocol)
	name := naming.Port(*port.ServicePort, protocol)
	for n := 1; taken[name]; n++ { // 15 characters at most
		name = fmt.Sprintf("p%d-%s-%d", *port.ServicePort, strings.ToLower(protocol), n)
	}
	return name
}

// unnamed are the image's ports without the names that they have by their number:
// the same port has the same name, whoever says it, the image or the spec.
func unnamed(ports []v1alpha1.Port) []v1alpha1.Port {
	ports = slices.Clone(ports)
	for i, port := range ports {
		if generated.MatchString(port.Name) {
			ports[i].Name = ""
		}
	}
	return ports
}

// firstTCP is the first TCP port, or nil.
func firstTCP(ports []v1alpha1.Port) *v1alpha1.Port {
	for i := range ports {
		if ports[i].Protocol == corev1.ProtocolTCP {
			return &ports[i]
		}
	}
	return nil
}
