// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

// MaxPorts is the maximum number of ports of a component: the limit of spec.ports.
const MaxPorts = 20

// protocols, in the order in which ports with the same number are listed.
var protocols = []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}

// portRange is one EXPOSE. Ranges are not expanded until their total is known to be small: an image
// can expose 65535 ports many times over.
type portRange struct {
	protocol    int // index in protocols
	first, last int
}

// Ports returns the ports named by EXPOSE, and a note on those that were omitted. It returns no
// ports if there are more than MaxPorts.
func Ports(config *dockerspec.DockerOCIImageConfig) (ports []v1alpha1.Port, note string) {
	if config == nil {
		return nil, ""
	}
	var ranges []portRange
	var invalid []string
	for key := range config.ExposedPorts {
		if exposed, ok := parseExposed(key); ok {
			ranges = append(ranges, exposed)
		} else {
			invalid = append(invalid, key)
		}
	}
	ranges = merge(ranges)
	total := 0
	for _, r := range ranges {
		total += r.last - r.first + 1
	}
	if total > MaxPorts {
		return nil, fmt.Sprintf("the image exposes %d ports, which is more than %d: name those to be served in ports", total, MaxPorts)
	}
	if len(invalid) > 0 {
		note = "left out, as the image exposes them but they are no ports of TCP, UDP or SCTP: " + quoteAll(invalid)
	}
	return expand(ranges), note
}

// parseExposed parses a key such as 80, 53/udp or 7000-7005/tcp.
func parseExposed(key string) (portRange, bool) {
	numbers, name, _ := strings.Cut(key, "/")
	name = strings.ToLower(cmp.Or(name, "tcp"))
	protocol := slices.IndexFunc(protocols, func(p corev1.Protocol) bool { return strings.ToLower(string(p)) == name })
	from, to, isRange := strings.Cut(numbers, "-")
	if !isRange {
		to = from
	}
	first, firstErr := strconv.ParseUint(from, 10, 16)
	last, lastErr := strconv.ParseUint(to, 10, 16)
	if protocol < 0 || firstErr != nil || lastErr != nil || first == 0 || first > last {
		return portRange{}, false
	}
	return portRange{protocol: protocol, first: int(first), last: int(last)}, true
}

// merge joins overlapping ranges, so that each port occurs once.
func merge(ranges []portRange) []portRange {
	slices.SortFunc(ranges, func(a, b portRange) int {
		return cmp.Or(cmp.Compare(a.protocol, b.protocol), cmp.Compare(a.first, b.first))
	})
	var merged []portRange
	for _, r := range ranges {
		end := len(merged) - 1
		if end >= 0 && merged[end].protocol == r.protocol && r.first <= merged[end].last {
			merged[end].last = max(merged[end].last, r.last)
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// expand returns the ports sorted by number.
func expand(ranges []portRange) []v1alpha1.Port {
	var ports []v1alpha1.Port
	for _, r := range ranges { // sorted by protocol, which the stable sort preserves
		for number := r.first; number <= r.last; number++ {
			ports = append(ports, port(number, protocols[r.protocol]))
		}
	}
	slices.SortStableFunc(ports, func(a, b v1alpha1.Port) int { return cmp.Compare(a.ContainerPort, b.ContainerPort) })
	return ports
}

// port returns a port named by its number. Only 80 and 443 are named http and https, because their
// protocol is certain: a service mesh takes the protocol from the name, and detects it if the name
// does not contain one.
func port(number int, protocol corev1.Protocol) v1alpha1.Port {
	out := v1alpha1.Port{Name: naming.Port(int32(number), string(protocol)), ContainerPort: int32(number)}
	switch {
	case protocol != corev1.ProtocolTCP:
		out.Protocol = protocol // omitted for TCP, the default
	case number == 80:
		out.Name = "http"
	case number == 443:
		out.Name = "https"
	}
	return out
}
