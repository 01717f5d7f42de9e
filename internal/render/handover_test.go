// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// backend returns a revision with this many ready pods, and ports written as "name
// service->container".
func backend(t *testing.T, ready int32, ports ...string) render.Backend {
	t.Helper()
	var list []v1alpha1.Port
	for _, text := range ports {
		port := v1alpha1.Port{ServicePort: new(int32)}
		if text, found := strings.CutSuffix(text, "/UDP"); found {
			port.Protocol = corev1.ProtocolUDP
			_, _ = fmt.Sscanf(text, "%d->%d", port.ServicePort, &port.ContainerPort)
		} else if _, err := fmt.Sscanf(text, "%s %d->%d", &port.Name, port.ServicePort, &port.ContainerPort); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		list = append(list, port)
	}
	return render.Backend{Component: content(t, Stack("shop", portList(list...))).Components[0], Ready: ready}
}

// liveOf returns the live form of the Service.
func liveOf(service *model.Service) *corev1.Service {
	if service == nil {
		return nil
	}
	return &corev1.Service{Spec: corev1.ServiceSpec{Ports: service.Ports}}
}

func TestHandover(t *testing.T) {
	type list = []string
	type revision struct {
		ready int32
		ports list
	}
	tests := map[string]struct {
		// revisions, the current rollout's first and the last good one last
		revisions []revision
		// live is the live target of the first port; if empty, the one of the last good revision
		live string
		want list
		// lacks: some port has no target that reaches the pods of all revisions
		lacks bool
	}{
		"R9 nothing changes": {
			[]revision{{0, list{"http 80->8080"}}, {3, list{"http 80->8080"}}}, "", list{"http 80 to http"}, false,
		},
		"R9 another number under the same name": {
			[]revision{{0, list{"http 80->9090"}}, {3, list{"http 80->8080"}}}, "", list{"http 80 to http"}, false,
		},
		"R9 another name of the same number": {
			[]revision{{0, list{"web 80->8080"}}, {3, list{"http 80->8080"}}}, "", list{"http 80 to 8080"}, false,
		},
		"R9 names that are swapped": {
			[]revision{{0, list{"b 80->80", "a 81->81"}}, {3, list{"a 80->80", "b 81->81"}}}, "", list{"a 80 to 80", "b 81 to 81"}, false,
		},
		"R9 numbers that are swapped": {
			[]revision{{0, list{"a 80->81", "b 81->80"}}, {3, list{"a 80->80", "b 81->81"}}}, "", list{"a 80 to a", "b 81 to b"}, false,
		},
		"R9 a port that is new, and one that goes": {
			[]revision{{0, list{"grpc 70->70"}}, {3, list{"http 80->80"}}}, "", list{"grpc 70 to grpc", "http 80 to http"}, false,
		},
		"R9 one that goes, and its name is another's": {
			[]revision{{0, list{"http 81->81"}}, {3, list{"http 80->80"}}}, "", list{"http-81 81 to 81", "http 80 to 80"}, false,
		},
		"R9 the name of a port that others keep": {
			[]revision{{0, list{"http 81->81", "http-81 82->82"}}, {3, list{"http 80->80"}}}, "",
			list{"http-81 81 to 81", "http-81-82 82 to http-81", "http 80 to 80"}, false,
		},
		"R9 a protocol is added": {
			[]revision{{0, list{"53->53/UDP", "dns 53->53"}}, {3, list{"dns 53->53"}}}, "",
			list{"port-53-udp 53 to port-53-udp", "dns 53 to dns"}, false,
		},
		"R9 three revisions, one of them half-way": {
			[]revision{{0, list{"c 80->8080"}}, {1, list{"b 80->8080"}}, {3, list{"a 80->8080"}}}, "", list{"a 80 to 8080"}, false,
		},
		"R9 an earlier name that all have": {
			[]revision{{0, list{"b 80->80", "a 81->80"}}, {3, list{"a 80->80"}}}, "", list{"a 80 to a", "a-81 81 to b"}, false,
		},
		"R9 name and number change, and another name that all have": {
			[]revision{{0, list{"b 80->90", "s 90->90"}}, {3, list{"a 80->81", "s 81->81"}}}, "",
			list{"a 80 to s", "s-90 90 to 90", "s 81 to 81"}, false,
		},
		"R9 name and number change: the old pods serve": {
			[]revision{{1, list{"web 80->9090"}}, {2, list{"http 80->8080"}}}, "", list{"http 80 to http"}, true,
		},
		"R9 name and number change: the new ones are as many": {
			[]revision{{2, list{"web 80->9090"}}, {2, list{"http 80->8080"}}}, "", list{"http 80 to web"}, true,
		},
		"R9 name and number change: none is known to be ready": {
			[]revision{{0, list{"web 80->9090"}}, {0, list{"http 80->8080"}}}, "", list{"http 80 to http"}, true,
		},
		"R9 name and number change: it moved, and then none is known": {
			[]revision{{0, list{"web 80->9090"}}, {0, list{"http 80->8080"}}}, "web", list{"http 80 to web"}, true,
		},
		"R28 name and number change: a target of others": {
			[]revision{{0, list{"web 80->9090"}}, {0, list{"http 80->8080"}}}, "theirs", list{"http 80 to http"}, true,
		},
		"R9 name and number change: one of the two earlier ones has most pods": {
			[]revision{{1, list{"c 80->82"}}, {3, list{"b 80->81"}}, {1, list{"a 80->80"}}}, "", list{"a 80 to b"}, true,
		},
		"R9 name and number change: the name is another's in the old pods": {
			[]revision{{2, list{"b 80->9080", "a 81->9081"}}, {2, list{"a 80->80", "b 81->81"}}}, "",
			list{"a 80 to 9080", "b 81 to 9081"}, true,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var backends []render.Backend
			for i, revision := range test.revisions {
				backends = append(backends, backend(t, revision.ready, revision.ports...))
				backends[i].Since, backends[i].Available = int64(-i), revision.ready
			}
			good := *backends[len(backends)-1].Service
			live := liveOf(&good).DeepCopy()
			if test.live != "" {
				live.Spec.Ports[0].TargetPort = intstr.FromString(test.live)
			}
			var got []string
			for _, port := range render.Handover(backends, live).Ports {
				got = append(got, fmt.Sprintf("%s %d to %s", port.Name, port.Port, port.TargetPort.String()))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
			if lacks := render.LacksTarget(backends); lacks != test.lacks {
				t.Errorf("a port has no target for all: %t, want %t", lacks, test.lacks)
			}
		})
	}
}

// TestHandoverFromAndToNoService checks that a Service is created at the start, and removed after
// the end.
func TestHandoverFromAndToNoService(t *testing.T) {
	with, without := backend(t, 1, "http 80->80"), backend(t, 1)
	without.Service = nil
	for name, test := range map[string]struct {
		backends []render.Backend
		live     *corev1.Service
		want     int
	}{
		"R9 it is new":                          {[]render.Backend{with, without}, nil, 1},
		"R9 it goes":                            {[]render.Backend{without, with}, liveOf(with.Service), 1},
		"R9 it was never there":                 {[]render.Backend{without, without}, nil, 0},
		"R9 that of a revision not yet written": {[]render.Backend{without, with}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			ports := 0
			if service := render.Handover(test.backends, test.live); service != nil {
				ports = len(service.Ports)
			}
			if ports != test.want {
				t.Errorf("%d ports, want %d", ports, test.want)
			}
		})
	}
	if with.Service.Ports[0].TargetPort != intstr.FromString("http") {
		t.Error("R1 the recorded Service was changed")
	}
}
