// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// TestWhatTheLastImageSaid checks when a component keeps what its previous image declared: if the
// registry of the current image should have been asked but does not answer.
func TestWhatTheLastImageSaid(t *testing.T) {
	last := image(func(config *dockerspec.DockerOCIImageConfig) {
		config.ExposedPorts, config.User = set("8080/tcp"), "1000"
		config.Healthcheck = &dockerspec.HealthcheckConfig{Test: []string{"CMD", "check"}}
	}).Facts()
	last.Platforms = []model.Platform{{OS: "linux", Architecture: "arm64"}}
	next := image(func(config *dockerspec.DockerOCIImageConfig) { config.ExposedPorts = set("9090/tcp") })
	silent := model.Image{Unresolved: &model.Unresolved{Reason: v1alpha1.ReasonRegistryUnavailable, Message: "it hangs"}}
	never := func(s *v1alpha1.AppStack) { s.Spec.ImagePullPolicy = corev1.PullNever }
	type having struct {
		Image, Ports, Readiness, User, Platforms string
		Serves                                   bool
		Facts                                    *model.Facts
	}
	of := func(image string) having {
		return having{
			image, "Image: 8080/TCP", "Image: exec check", "Image: 1000", "Image: linux/arm64", true, &last,
		}
	}
	facts := next.Facts()
	tests := map[string]struct {
		options []Option
		answers map[string]model.Image
		earlier map[string]*model.Facts
		want    having
	}{
		"R23 its registry is silent": {
			nil, map[string]model.Image{"my-app:1": silent}, map[string]*model.Facts{naming.Main: &last}, of("my-app:1"),
		},
		"R23 its registry is not to be asked": {
			nil, map[string]model.Image{"my-app:1": {}}, map[string]*model.Facts{naming.Main: &last}, of("my-app:1"),
		},
		"R22 its image tells": {
			nil, map[string]model.Image{"my-app:1": next}, map[string]*model.Facts{naming.Main: &last},
			having{"my-app:1@" + digest, "Image: 9090/TCP", "Default: TCP on port port-9090", "Default: root", "", true, &facts},
		},
		"R23 it has no last image": {
			nil, map[string]model.Image{"my-app:1": silent}, map[string]*model.Facts{"worker": &last}, having{Image: "my-app:1"},
		},
		"R21 its image is not to be looked up": {
			[]Option{never}, map[string]model.Image{"my-app:1": silent}, map[string]*model.Facts{naming.Main: &last}, having{Image: "my-app:1"},
		},
		"R21 no image is": {nil, nil, map[string]*model.Facts{naming.Main: &last}, having{Image: "my-app:1"}},
		"R22 the spec wins all the same": {
			[]Option{Ports(80), inContainer(`{"runAsUser":0}`)},
			map[string]model.Image{"my-app:1": silent}, map[string]*model.Facts{naming.Main: &last},
			having{"my-app:1", "Spec: 80/TCP", "Image: exec check", "Spec: 0", "Image: linux/arm64", true, &last},
		},
		"R22 another program listens on nothing": {
			[]Option{runsCommand}, map[string]model.Image{"my-app:1": silent}, map[string]*model.Facts{naming.Main: &last},
			having{"my-app:1", "", "", "Image: 1000", "Image: linux/arm64", false, &last},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := render.Input{
				Stack: Stack("shop", append([]Option{Bare()}, test.options...)...), Earlier: test.earlier,
				Images: map[model.ImageRequest]model.Image{},
			}
			for reference, answer := range test.answers {
				in.Images[model.ImageRequest{Reference: reference}] = answer
			}
			rendered, err := render.Content(in)
			if err != nil {
				t.Fatal(err)
			}
			component := rendered.Components[0]
			got := having{
				component.App().Image, sourceOf(component, "ports"), sourceOf(component, "readinessProbe"), sourceOf(component, "user"),
				sourceOf(component, "platforms"), component.Service != nil, component.Provenance.Facts,
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestEachComponentsLastImage checks that each component uses what its own previous image declared.
func TestEachComponentsLastImage(t *testing.T) {
	exposing := func(port string) *model.Facts {
		facts := image(func(config *dockerspec.DockerOCIImageConfig) { config.ExposedPorts = set(port) }).Facts()
		return &facts
	}
	silent := model.Image{Unresolved: &model.Unresolved{Reason: v1alpha1.ReasonRegistryUnavailable}}
	rendered, err := render.Content(render.Input{
		Stack:   Stack("shop", Bare(), Component("mailer", 1, nil), Component("new", 1, nil)),
		Images:  map[model.ImageRequest]model.Image{{Reference: "my-app:1"}: silent},
		Earlier: map[string]*model.Facts{naming.Main: exposing("80/tcp"), "mailer": exposing("25/tcp")},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, component := range rendered.Components {
		got[component.Name] = sourceOf(component, "ports")
	}
	want := map[string]string{naming.Main: "Image: 80/TCP", "mailer": "Image: 25/TCP", "new": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("R23 ports (-want +got):\n%s", diff)
	}
}

// TestPortsOfAServiceThatWasThere checks that an adopted Service keeps its ports: only the user can
// know which of them is the image's port.
func TestPortsOfAServiceThatWasThere(t *testing.T) {
	exposing := image(func(config *dockerspec.DockerOCIImageConfig) { config.ExposedPorts = set("8080/tcp") })
	service := render.Adoption{Service: true}
	tests := map[string]struct {
		adopted render.Adoption
		options []Option
		image   model.Image
		want    serving
	}{
		"R26 the image's are left out, which is said": {
			service, nil, exposing, serving{Value: "Image:  (there is a Service of this name: set ports to adopt it)"},
		},
		"R26 the spec's": {
			service, []Option{Ports(80)}, exposing,
			serving{[]string{"port-80 80/TCP"}, []string{"port-80 80/TCP to port-80"}, 0, "Spec: 80/TCP"},
		},
		"R26 there are none": {service, nil, image(func(*dockerspec.DockerOCIImageConfig) {}), serving{}},
		"R26 a Deployment alone does not matter": {
			render.Adoption{Selector: map[string]string{"app": "shop"}}, nil, exposing,
			serving{[]string{"port-8080 8080/TCP"}, []string{"port-8080 8080/TCP to port-8080"}, 0, "Image: 8080/TCP"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rendered, err := render.Content(render.Input{
				Stack:   Stack("shop", append([]Option{Bare()}, test.options...)...),
				Images:  map[model.ImageRequest]model.Image{{Reference: "my-app:1"}: test.image},
				Adopted: map[string]render.Adoption{naming.Main: test.adopted},
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, servingOf(rendered.Components[0])); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
		})
	}
}
