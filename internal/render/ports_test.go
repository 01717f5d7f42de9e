// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// serving describes how a component is reached.
type serving struct {
	Container, Service []string
	// Grace is the termination grace period of its pods.
	Grace int64
	Value string
}

func servingOf(component model.Component) serving {
	got := serving{Value: valueOf(component, "ports")}
	if grace := component.Template.Spec.TerminationGracePeriodSeconds; grace != nil {
		got.Grace = *grace
	}
	for _, port := range component.App().Ports {
		got.Container = append(got.Container, fmt.Sprintf("%s %d/%s", port.Name, port.ContainerPort, port.Protocol))
	}
	if component.Service != nil {
		for _, port := range component.Service.Ports {
			got.Service = append(got.Service, fmt.Sprintf("%s %d/%s to %s", port.Name, port.Port, port.Protocol, port.TargetPort.String()))
		}
	}
	return got
}

// TestPortsOfTheImage checks the ports of a component whose image exposes some.
func TestPortsOfTheImage(t *testing.T) {
	none := func(s *v1alpha1.AppStack) { s.Spec.Ports = []v1alpha1.Port{} }
	exposing := func(ports ...string) model.Image {
		return image(func(config *dockerspec.DockerOCIImageConfig) { config.ExposedPorts = set(ports...) })
	}
	two := exposing("80/tcp", "53/udp")
	tests := map[string]struct {
		options []Option
		image   model.Image
		want    serving
	}{
		"R22 the image's": {
			nil, two, serving{
				[]string{"port-53-udp 53/UDP", "http 80/TCP"},
				[]string{"port-53-udp 53/UDP to port-53-udp", "http 80/TCP to http"},
				35, "Image: 53/UDP, 80/TCP",
			},
		},
		"R22 the spec's": {
			[]Option{Ports(8080)}, two,
			serving{[]string{"port-8080 8080/TCP"}, []string{"port-8080 8080/TCP to port-8080"}, 35, "Spec: 8080/TCP"},
		},
		"R22 the spec's empty list is none":          {[]Option{none}, two, serving{Grace: 30}},
		"R22 another program's are not known":        {[]Option{runsCommand}, two, serving{Grace: 30}},
		"R22 nor with other arguments":               {[]Option{runsArgs}, two, serving{Grace: 30}},
		"R22 nor another program in the podTemplate": {[]Option{overApp(`"command":["work"]`)}, two, serving{Grace: 30}},
		"R22 nor other arguments there":              {[]Option{overApp(`"args":["--work"]`)}, two, serving{Grace: 30}},
		"R22 a sidecar's program is another matter": {
			[]Option{PodTemplate(`{"spec":{"containers":[{"name":"side","image":"side:1","command":["x"],"ports":[{"containerPort":1}]}]}}`)},
			exposing("80/tcp"), serving{[]string{"http 80/TCP"}, []string{"http 80/TCP to http"}, 35, "Image: 80/TCP"},
		},
		"R22 the spec's, of another program": {
			[]Option{runsCommand, Ports(81)}, two,
			serving{[]string{"port-81 81/TCP"}, []string{"port-81 81/TCP to port-81"}, 35, "Spec: 81/TCP"},
		},
		"R22 the podTemplate's": {
			[]Option{overApp(`"ports":[{"name":"mine","containerPort":81,"protocol":"TCP"}]`)}, two,
			serving{[]string{"mine 81/TCP"}, nil, 30, "Spec: 81/TCP"},
		},
		"R22 the podTemplate's none":            {[]Option{overApp(`"ports":null`)}, two, serving{Grace: 30}},
		"R22 the podTemplate's none, replacing": {[]Option{overApp(`"ports":[{"$patch":"replace"}]`)}, two, serving{Grace: 30}},
		"R22 none":                              {nil, exposing(), serving{Grace: 30}},
		"R22 none that are known":               {nil, model.Image{Digest: digest}, serving{Grace: 30}},
		"R23 none that are known, as written": {
			nil, model.Image{Unresolved: &model.Unresolved{Reason: v1alpha1.ReasonImageNotFound}}, serving{Grace: 30},
		},
		"R22 too many are none, which is said": {
			nil, exposing("8000-8999/tcp"),
			serving{Grace: 30, Value: "Image:  (the image exposes 1000 ports, which is more than 20: name those to be served in ports)"},
		},
		"R22 too many, and the spec's": {
			[]Option{Ports(8000)}, exposing("8000-8999/tcp"),
			serving{[]string{"port-8000 8000/TCP"}, []string{"port-8000 8000/TCP to port-8000"}, 35, "Spec: 8000/TCP"},
		},
		"R22 one that is none, which is said": {
			nil, exposing("80/tcp", "http"), serving{
				[]string{"http 80/TCP"}, []string{"http 80/TCP to http"}, 35,
				`Image: 80/TCP (left out, as the image exposes them but they are no ports of TCP, UDP or SCTP: "http")`,
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := servingOf(mainFrom(t, Stack("shop", append([]Option{Bare()}, test.options...)...), test.image))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAWorkerOfTheSameImage checks that a component that overrides the command gets no ports from
// the image.
func TestAWorkerOfTheSameImage(t *testing.T) {
	rendered := from(t, Stack("shop", Bare(), Component("worker", 1, nil, "work")), rich())
	main, worker := servingOf(rendered.Components[0]), servingOf(rendered.Components[1])
	if len(main.Service) != 3 || worker.Service != nil || worker.Container != nil || worker.Value != "" {
		t.Errorf("R22 the web server has %+v, and the worker %+v", main, worker)
	}
	if probe := rendered.Components[1].App().ReadinessProbe; probe != nil {
		t.Errorf("R22 the worker is probed: %+v", probe)
	}
}

// TestNoPortsAreOtherContent checks that an empty list is different content from none: it disables
// the image's ports.
func TestNoPortsAreOtherContent(t *testing.T) {
	hashes := map[string]string{}
	for name, ports := range map[string][]v1alpha1.Port{"left out": nil, "empty": {}, "one": {{ContainerPort: 80}}} {
		stack := Stack("shop", Bare(), func(s *v1alpha1.AppStack) { s.Spec.Ports = ports })
		hash := revision.SourceHash(stack.Spec)
		if other, found := hashes[hash]; found {
			t.Errorf("R4 ports (%s) have the same hash as ports (%s)", name, other)
		}
		hashes[hash] = name
	}
}
