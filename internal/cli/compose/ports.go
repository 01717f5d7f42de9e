// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// maxPorts is the limit of spec.ports.
const maxPorts = 20

// port is a port of a service, and the ports of the host that it is published on.
type port struct {
	v1alpha1.Port
	published []string
	random    bool // Docker chooses the host's port
}

// findPorts collects the ports that a service declares, and those by which other services call it:
// in Compose, services can call each other on undeclared ports too.
func (c *converter) findPorts() {
	for _, s := range c.services {
		c.takePorts(s)
		c.takeExpose(s)
		c.takeMentioned(s)
		if len(s.ports) > maxPorts {
			c.note(s, "ports", "%d ports, and AppStack takes %d: those from %d on are left out",
				len(s.ports), maxPorts, s.ports[maxPorts].ContainerPort)
			s.ports = s.ports[:maxPorts]
		}
	}
}

// add adds a port to the service, or returns the existing one with the number and protocol.
func (s *service) add(p v1alpha1.Port) *port {
	if p.Protocol == corev1.ProtocolTCP {
		p.Protocol = "" // the default
	}
	for i := range s.ports {
		if s.ports[i].ContainerPort == p.ContainerPort && s.ports[i].Protocol == p.Protocol {
			return &s.ports[i]
		}
	}
	s.ports = append(s.ports, port{Port: p})
	return &s.ports[len(s.ports)-1]
}

func (c *converter) takePorts(s *service) {
	for _, given := range s.Ports {
		protocol, ok := transport(given.Protocol)
		if !ok || given.Target == 0 || given.Target > 65535 {
			c.note(s, "ports", "%d/%s is no port that a Service can have", given.Target, given.Protocol)
			continue
		}
		p := s.add(v1alpha1.Port{ContainerPort: int32(given.Target), Protocol: protocol})
		if p.Name == "" && given.Name != "" {
			c.namePort(s, p, given.Name)
		}
		if p.AppProtocol == "" {
			p.AppProtocol = given.AppProtocol
		}
		switch {
		case given.Published == "":
			p.random = true
		case !slices.Contains(p.published, given.Published):
			p.published = append(p.published, given.Published)
		}
		if given.HostIP != "" && given.HostIP != "0.0.0.0" && given.HostIP != "::" {
			c.note(s, "ports", "published on %s only: a Service of type ClusterIP, the default, is not reached from outside at all",
				given.HostIP)
		}
		if given.Mode == "host" {
			c.note(s, "ports.mode", "host is not carried over: a Service reaches the pods on whatever node they are")
		}
	}
}

// validPort and reservedPort match the names that spec.ports[].name accepts and rejects.
var (
	validPort    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$`)
	reservedPort = regexp.MustCompile(`^port-[0-9]+$|--|^[-0-9]+$`)
)

func (c *converter) namePort(s *service, p *port, name string) {
	used := slices.ContainsFunc(s.ports, func(other port) bool { return other.Name == name })
	if used || !validPort.MatchString(name) || reservedPort.MatchString(name) {
		c.note(s, "ports.name", "%s is no name that a port of AppStack can have: it has none, and gets one by its number", name)
		return
	}
	p.Name = name
}

func (c *converter) takeExpose(s *service) {
	for _, exposed := range s.Expose {
		numbers, name, _ := strings.Cut(exposed, "/")
		first, last, isRange := strings.Cut(numbers, "-")
		if !isRange {
			last = first
		}
		protocol, ok := transport(name)
		from, to := portNumber(first), portNumber(last)
		if !ok || from == 0 || to < from {
			c.note(s, "expose", "%s is no port that a Service can have", exposed)
			continue
		}
		for number := from; number <= to; number++ {
			s.add(v1alpha1.Port{ContainerPort: number, Protocol: protocol})
		}
	}
}

func transport(name string) (corev1.Protocol, bool) {
	switch protocol := corev1.Protocol(strings.ToUpper(name)); protocol {
	case "":
		return corev1.ProtocolTCP, true
	case corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP:
		return protocol, true
	default:
		return "", false
	}
}

// takeMentioned adds the ports by which other services call the service. It adds the default port
// of a URL's scheme only if AppStack ignores the image's EXPOSE, which it does if the service
// overrides the command or has any port.
func (c *converter) takeMentioned(s *service) {
	c.takeCalled(s, false)
	if s.runsCommand() || len(s.ports) > 0 {
		c.takeCalled(s, true)
	}
	if callers := c.callers(s); len(s.ports) == 0 && s.runsCommand() && len(callers) > 0 {
		c.note(s, "ports", "no port is named, and with a command of its own AppStack does not take the image's EXPOSE: "+
			"name the port in ports if %s calls it", enumerate(callers, "or"))
	}
}

// takeCalled adds the ports that other services name, or else the defaults of the URLs' schemes.
func (c *converter) takeCalled(s *service, byScheme bool) {
	for _, other := range c.services {
		for _, m := range other.talk {
			if m.name != s.Name || m.port == 0 || m.byScheme != byScheme {
				continue
			}
			// An existing port with this number may be UDP. A TCP port beside it would get a
			// readiness check that never succeeds.
			if slices.ContainsFunc(s.ports, func(p port) bool { return p.ContainerPort == m.port }) {
				continue
			}
			s.add(v1alpha1.Port{ContainerPort: m.port})
			c.note(s, "ports", "port %d is taken from %s of %s", m.port, m.field, other.Name)
		}
	}
}

// servicePorts returns the component's ports. It notes those that the host publishes, because the
// Service only offers them inside the cluster.
func (c *converter) servicePorts(s *service) []v1alpha1.Port {
	var out []v1alpha1.Port
	for _, p := range s.ports {
		out = append(out, p.Port)
		published := p.published
		if len(published) == 0 && p.random {
			published = []string{"a random port"}
		}
		if len(published) == 0 {
			continue
		}
		address := fmt.Sprintf("%s:%d", s.host(), p.ContainerPort)
		if p.Protocol != "" {
			c.note(s, "ports", "published as %s on the host: in the cluster it is %s (%s); to reach it from outside, set service.type: LoadBalancer",
				strings.Join(published, ", "), address, p.Protocol)
			continue
		}
		c.note(s, "ports", "published as %s on the host: in the cluster it is %s; kubectl port-forward svc/%s %d:%d, "+
			"or set service.type: LoadBalancer", strings.Join(published, ", "), address, s.host(), p.local(), p.ContainerPort)
	}
	return out
}

// local returns the local port for kubectl port-forward: the published one, but above 1023, because
// only root may listen on lower ports.
func (p *port) local() int32 {
	number := p.ContainerPort
	if len(p.published) > 0 {
		first, _, _ := strings.Cut(p.published[0], "-") // of a range, use the first port
		number = cmp.Or(portNumber(first), number)
	}
	if number < 1024 {
		number += 8000
	}
	return number
}

// enumerate joins names as in a sentence: "a, b and c".
func enumerate(names []string, conjunction string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " " + conjunction + " " + names[last]
}
