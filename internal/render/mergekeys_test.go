// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/render"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// TestPortsInThePodTemplate checks that ports in the podTemplate are merged by number and protocol,
// and that Service and probe follow them.
func TestPortsInThePodTemplate(t *testing.T) {
	tcp, udp := v1alpha1.Port{Name: "dns", ContainerPort: 53}, v1alpha1.Port{Name: "dns", ContainerPort: 53, Protocol: corev1.ProtocolUDP}
	tests := map[string]struct {
		ports              []v1alpha1.Port
		overlay            string
		container, service []string
		probe              string
	}{
		"R9 the same number of another protocol is another port": {
			[]v1alpha1.Port{tcp}, `"ports":[{"name":"dns-udp","containerPort":53,"protocol":"UDP"}]`,
			[]string{"dns-udp 53/UDP", "dns 53/TCP"}, []string{"dns 53/TCP to dns"}, "dns",
		},
		"R9 both protocols at once": {
			nil, `"ports":[{"name":"a","containerPort":53,"protocol":"UDP"},{"name":"b","containerPort":53}]`,
			[]string{"a 53/UDP", "b 53/"}, nil, "",
		},
		"a port that leaves the protocol out is of TCP": {
			[]v1alpha1.Port{tcp, {Name: "dns-udp", ContainerPort: 53, Protocol: corev1.ProtocolUDP}},
			`"ports":[{"containerPort":53,"name":"other"}]`,
			[]string{"other 53/TCP", "dns-udp 53/UDP"}, []string{"dns 53/TCP to other", "dns-udp 53/UDP to dns-udp"}, "other",
		},
		"or the only one of its number": {
			[]v1alpha1.Port{udp}, `"ports":[{"containerPort":53,"name":"other"}]`,
			[]string{"other 53/UDP"}, []string{"dns 53/UDP to other"}, "",
		},
		"unless that is there too": {
			[]v1alpha1.Port{udp}, `"ports":[{"containerPort":53,"name":"other"},{"containerPort":53,"protocol":"UDP","hostPort":1}]`,
			[]string{"other 53/", "dns 53/UDP"}, []string{"dns 53/UDP to dns"}, "",
		},
		"R9 the Service and the probe follow another name": {
			[]v1alpha1.Port{{ContainerPort: 80}}, `"ports":[{"containerPort":80,"name":"web"}]`,
			[]string{"web 80/TCP"}, []string{"port-80 80/TCP to web"}, "web",
		},
		"R9 and no name": {
			[]v1alpha1.Port{{ContainerPort: 80}}, `"ports":[{"containerPort":80,"name":null}]`,
			[]string{" 80/TCP"}, []string{"port-80 80/TCP to 80"}, "80",
		},
		"R9 names that are swapped": {
			[]v1alpha1.Port{{Name: "a", ContainerPort: 80}, {Name: "b", ContainerPort: 81}},
			`"ports":[{"containerPort":80,"name":"b"},{"containerPort":81,"name":"a"}]`,
			[]string{"b 80/TCP", "a 81/TCP"}, []string{"a 80/TCP to b", "b 81/TCP to a"}, "b",
		},
		"one is deleted that the Service does not need": {
			[]v1alpha1.Port{tcp}, `"ports":[{"containerPort":53,"protocol":"UDP","$patch":"delete"}]`,
			[]string{"dns 53/TCP"}, []string{"dns 53/TCP to dns"}, "dns",
		},
		"all are replaced": {
			[]v1alpha1.Port{tcp}, `"ports":[{"$patch":"replace"},{"containerPort":53,"name":"x"}]`,
			[]string{"x 53/"}, []string{"dns 53/TCP to x"}, "x",
		},
		"R9 the name is kept for another number": {
			[]v1alpha1.Port{{Name: "http", ContainerPort: 80}}, `"ports":[{"$patch":"replace"},{"containerPort":8080,"name":"http"}]`,
			[]string{"http 8080/"}, []string{"http 80/TCP to http"}, "http",
		},
		"they are ordered": {
			[]v1alpha1.Port{{Name: "a", ContainerPort: 80}, tcp},
			`"$setElementOrder/ports":[{"containerPort":53},{"containerPort":53,"protocol":"UDP"},{"containerPort":80}],
				"ports":[{"name":"u","containerPort":53,"protocol":"UDP"}]`,
			[]string{"dns 53/TCP", "u 53/UDP", "a 80/TCP"}, []string{"a 80/TCP to a", "dns 53/TCP to dns"}, "a",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			component := content(t, Stack("shop", portList(test.ports...), overApp(test.overlay))).Components[0]
			got := servingOf(component)
			if diff := cmp.Diff([][]string{test.container, test.service}, [][]string{got.Container, got.Service}); diff != "" {
				t.Errorf("container and Service (-want +got):\n%s", diff)
			}
			probe := ""
			if component.App().ReadinessProbe != nil {
				probe = component.App().ReadinessProbe.TCPSocket.Port.String()
			}
			if probe != test.probe {
				t.Errorf("the probe checks %q, want %q", probe, test.probe)
			}
		})
	}
}

// TestAnotherContainerTakesAPort checks that a sidecar may have the port that the Service targets.
func TestAnotherContainerTakesAPort(t *testing.T) {
	stack := Stack("shop", portList(v1alpha1.Port{Name: "http", ContainerPort: 8080, ServicePort: new(int32(80))}), PodTemplate(
		`{"spec":{"containers":[{"name":"app","ports":[{"containerPort":8080,"name":"app"}]},
			{"name":"proxy","image":"proxy","ports":[{"containerPort":15001,"name":"http"}]}]}}`))
	component := content(t, stack).Components[0]
	if target := component.Service.Ports[0].TargetPort.String(); target != "http" {
		t.Errorf("R9 the Service targets %s, want http of the proxy", target)
	}
	if probe := component.App().ReadinessProbe.TCPSocket.Port.String(); probe != "app" {
		t.Errorf("R24 the probe checks %s, want app of its own container", probe)
	}
}

// TestListsOfOneKey checks that list entries with the same merge key are all kept.
func TestListsOfOneKey(t *testing.T) {
	const generated = "kubernetes.io/hostname ScheduleAnyway 1 true"
	tests := map[string]struct {
		overlay string
		want    []string
	}{
		"one changes the generated one": {
			`{"topologySpreadConstraints":[{"topologyKey":"kubernetes.io/hostname","whenUnsatisfiable":"DoNotSchedule"}]}`,
			[]string{"kubernetes.io/hostname DoNotSchedule 1 true"},
		},
		"two of one key are two": {
			`{"topologySpreadConstraints":[{"topologyKey":"kubernetes.io/hostname","whenUnsatisfiable":"DoNotSchedule","maxSkew":9},
				{"topologyKey":"kubernetes.io/hostname","whenUnsatisfiable":"ScheduleAnyway","maxSkew":2}]}`,
			[]string{"kubernetes.io/hostname DoNotSchedule 9 false", "kubernetes.io/hostname ScheduleAnyway 2 true"},
		},
		"two of another key are two": {
			`{"topologySpreadConstraints":[{"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule","maxSkew":9},
				{"topologyKey":"zone","whenUnsatisfiable":"ScheduleAnyway","maxSkew":2}]}`,
			[]string{"zone DoNotSchedule 9 false", "zone ScheduleAnyway 2 false", generated},
		},
		"the generated one is deleted, and another made": {
			`{"topologySpreadConstraints":[{"topologyKey":"kubernetes.io/hostname","$patch":"delete"},
				{"topologyKey":"kubernetes.io/hostname","whenUnsatisfiable":"DoNotSchedule","maxSkew":9}]}`,
			[]string{"kubernetes.io/hostname DoNotSchedule 9 false"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			spec := content(t, Stack("shop", PodTemplate(`{"spec":`+test.overlay+`}`))).Components[0].Template.Spec
			var got []string
			for _, c := range spec.TopologySpreadConstraints {
				got = append(got, fmt.Sprint(c.TopologyKey, " ", c.WhenUnsatisfiable, " ", c.MaxSkew, " ", c.LabelSelector != nil))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPortsThatAreMissing checks that ports that could never become ready, or target nothing, are
// rejected with an error that names the field and the fix.
func TestPortsThatAreMissing(t *testing.T) {
	app := func(fields string) string { return `{"spec":{"containers":[{"name":"app",` + fields + `}]}}` }
	httpGet := `{"httpGet":{"path":"/","port":"web"}}`
	const choose = `, which the container does not have: name one of port-80, or a number`
	tests := map[string]struct{ overlay, want string }{
		"R30 the Service's port is deleted": {
			app(`"ports":[{"containerPort":80,"$patch":"delete"}],"readinessProbe":{"exec":{"command":["true"]}}`),
			`component main: podTemplate: it takes port 80/TCP (port-80) away from container "app", and the Service sends port 80 there: ` +
				`leave it, give another container a port named port-80, or remove the entry from ports`,
		},
		"R30 the probe's port is another container's": {
			`{"spec":{"containers":[{"name":"app","ports":[{"containerPort":80,"$patch":"delete"}]},
				{"name":"proxy","image":"p","ports":[{"name":"port-80","containerPort":80}]}]}}`,
			`component main: podTemplate: it takes port 80/TCP (port-80) away from container "app", which the readiness probe checks: ` +
				`leave it, or set readinessProbe`,
		},
		"R30 a readiness probe": {
			app(`"readinessProbe":` + httpGet), `component main: container "app": readinessProbe.httpGet.port names the port "web"` + choose,
		},
		"R30 a liveness probe": {
			app(`"livenessProbe":{"tcpSocket":{"port":"web"}}`),
			`component main: container "app": livenessProbe.tcpSocket.port names the port "web"` + choose,
		},
		"R30 a startup probe": {
			app(`"startupProbe":` + httpGet), `component main: container "app": startupProbe.httpGet.port names the port "web"` + choose,
		},
		"R30 a hook after the start": {
			app(`"lifecycle":{"postStart":` + httpGet + `}`),
			`component main: container "app": lifecycle.postStart.httpGet.port names the port "web"` + choose,
		},
		"R30 a hook before the end": {
			app(`"lifecycle":{"preStop":` + httpGet + `}`),
			`component main: container "app": lifecycle.preStop.httpGet.port names the port "web"` + choose,
		},
		"R30 a port of another container": {
			`{"spec":{"containers":[{"name":"side","image":"s","readinessProbe":{"tcpSocket":{"port":"port-80"}}}]}}`,
			`component main: container "side": readinessProbe.tcpSocket.port names the port "port-80", which the container does not have: ` +
				`give a port that name, or a number`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := render.Content(render.Input{Stack: Stack("shop", PodTemplate(test.overlay)), Defaults: render.StandardDefaults()})
			if _, ok := errors.AsType[*render.InvalidPodTemplateError](err); !ok || err.Error() != test.want {
				t.Errorf("error is\n%v, want\n%s", err, test.want)
			}
		})
	}
}

// FuzzPorts merges any ports over generated ones: the result must be readable, and must contain no
// internal merge key.
func FuzzPorts(f *testing.F) {
	f.Add(`[{"containerPort":53,"protocol":"UDP"},{"containerPort":53}]`)
	f.Add(`[{"containerPort":"53 TCP"},{"containerPort":null}]`)
	f.Add(`[{"$patch":"replace"},{"containerPort":5.5}]`)
	f.Fuzz(func(t *testing.T, ports string) {
		if !json.Valid([]byte(ports)) {
			return // not valid in a stack
		}
		stack := Stack("shop", portList(v1alpha1.Port{Name: "dns", ContainerPort: 53}), PodTemplate(
			`{"spec":{"containers":[{"name":"app","ports":`+ports+`}]}}`))
		rendered, err := render.Content(render.Input{Stack: stack})
		if err != nil {
			if _, ok := errors.AsType[*render.InvalidPodTemplateError](err); !ok {
				t.Errorf("R30 the error is not a user error: %v", err)
			}
			return
		}
		if len(rendered.Components[0].App().Ports) == 0 {
			t.Error("R9 the port of the Service is dropped without an error")
		}
	})
}
