// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// TestRequests checks which images are looked up, and with which credentials.
func TestRequests(t *testing.T) {
	of := func(reference string) model.ImageRequest { return model.ImageRequest{Reference: reference} }
	sidecars := PodTemplate(`{"spec":{
		"initContainers":[{"name":"migrate","image":"my-app:1"},{"name":"seed","image":"seed:1"}],
		"containers":[{"name":"proxy","image":"proxy:1"},{"name":"app"}]}}`)
	policy := func(policy corev1.PullPolicy) Option {
		return func(s *v1alpha1.AppStack) { s.Spec.ImagePullPolicy = policy }
	}
	credentials := func(s *v1alpha1.AppStack) {
		s.Spec.ServiceAccountName = "shop"
		s.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "first"}, {Name: "second"}}
	}
	tag := func(s *v1alpha1.AppStack) { s.Spec.ImageResolution = v1alpha1.ImageResolutionTag }
	worker := Component("worker", 1, nil, "work")
	mailer := Component("mailer", 1, func(c *v1alpha1.Component) { c.Image = "mail:1" })
	tests := map[string]struct {
		options []Option
		want    []model.ImageRequest
	}{
		"R21 the image":                 {nil, []model.ImageRequest{of("my-app:1")}},
		"R21 one that has a digest":     {[]Option{Image("my-app@" + digest)}, []model.ImageRequest{of("my-app@" + digest)}},
		"R21 one of several, once":      {[]Option{worker}, []model.ImageRequest{of("my-app:1")}},
		"R21 a component's own, too":    {[]Option{mailer}, []model.ImageRequest{of("my-app:1"), of("mail:1")}},
		"R21 those of all containers":   {[]Option{sidecars}, []model.ImageRequest{of("proxy:1"), of("my-app:1"), of("seed:1")}},
		"R21 the podTemplate's":         {[]Option{overApp(`"image":"mine:2"`)}, []model.ImageRequest{of("mine:2")}},
		"R21 one that is pulled always": {[]Option{policy(corev1.PullAlways)}, []model.ImageRequest{of("my-app:1")}},
		"R21 none that is never pulled": {[]Option{policy(corev1.PullNever)}, nil},
		"R21 none that is never pulled, and what is": {
			[]Option{policy(corev1.PullNever), sidecars}, []model.ImageRequest{of("proxy:1"), of("my-app:1"), of("seed:1")},
		},
		"R21 none that the podTemplate never pulls": {[]Option{overApp(`"imagePullPolicy":"Never"`)}, nil},
		"R21 a worker's, where the main one's is never pulled": {
			[]Option{policy(corev1.PullNever), worker}, []model.ImageRequest{of("my-app:1")},
		},
		"R21 none, where tags run as written": {[]Option{tag, sidecars, worker}, nil},
		"R21 the pod's credentials": {
			[]Option{credentials}, []model.ImageRequest{{Reference: "my-app:1", ServiceAccount: "shop", PullSecrets: "first,second"}},
		},
		"R21 the podTemplate's credentials": {
			[]Option{credentials, PodTemplate(`{"spec":{"serviceAccountName":"other","imagePullSecrets":[{"$patch":"replace"},{"name":"third"}]}}`)},
			[]model.ImageRequest{{Reference: "my-app:1", ServiceAccount: "other", PullSecrets: "third"}},
		},
		"R21 the same image with others' credentials is another question": {
			[]Option{PodTemplate(`{"spec":{"serviceAccountName":"other"}}`), worker},
			[]model.ImageRequest{{Reference: "my-app:1", ServiceAccount: "other"}, of("my-app:1")},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stack := Stack("shop", test.options...)
			if diff := cmp.Diff(test.want, render.Requests(stack.Spec, content(t, stack))); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRequestsOfWhatIsPinned checks that rendering with the answers requests nothing else: a spec
// with the resolved digests written by hand is the same revision (R3).
func TestRequestsOfWhatIsPinned(t *testing.T) {
	stack := Stack("shop", Component("worker", 1, nil, "work"))
	for _, request := range render.Requests(stack.Spec, from(t, stack, rich())) {
		if request.Reference != "my-app:1@"+digest {
			t.Errorf("R21 %s is requested", request.Reference)
		}
	}
}

// TestPin checks which image containers run, and when nodes pull it.
func TestPin(t *testing.T) {
	known := model.Image{Digest: digest}
	silent := model.Image{Unresolved: &model.Unresolved{Reason: v1alpha1.ReasonRegistryUnavailable, Message: "it hangs"}}
	gone := model.Image{Unresolved: &model.Unresolved{Reason: v1alpha1.ReasonImageNotFound, Message: "it is gone"}}
	pod := func(policy string) Option {
		return PodTemplate(`{"spec":{"initContainers":[{"name":"migrate","image":"seed"}],
			"containers":[{"name":"app"},{"name":"proxy","image":"proxy:1"` + policy + `}]}}`)
	}
	always := func(s *v1alpha1.AppStack) { s.Spec.ImagePullPolicy = corev1.PullAlways }
	never := func(s *v1alpha1.AppStack) { s.Spec.ImagePullPolicy = corev1.PullNever }
	all := func(image model.Image) map[string]model.Image {
		return map[string]model.Image{"my-app:1": image, "seed": image, "proxy:1": image}
	}
	type pinned struct {
		App, Proxy, Migrate string
		Resolved            bool
		Unresolved          string
	}
	const (
		app, proxy, seed = "my-app:1@" + digest, "proxy:1@" + digest, "seed:latest@" + digest
		present          = " IfNotPresent"
	)
	tests := map[string]struct {
		options []Option
		images  map[string]model.Image
		want    pinned
	}{
		"R21 all containers": {
			[]Option{pod("")}, all(known), pinned{app + present, proxy + present, seed + present, true, ""},
		},
		"R21 the spec says when to pull": {
			[]Option{pod(`,"imagePullPolicy":"Always"`), always}, all(known), pinned{app + " Always", proxy + " Always", seed + present, true, ""},
		},
		"R21 what is on the nodes already runs as written": {
			[]Option{pod(`,"imagePullPolicy":"Never"`)}, all(known), pinned{app + present, "proxy:1 Never", seed + present, true, ""},
		},
		"R21 the app's is on the nodes already": {
			[]Option{pod(""), never}, all(known), pinned{"my-app:1 Never", proxy + present, seed + present, true, ""},
		},
		"R21 what nobody was asked for runs as written": {
			[]Option{pod("")}, nil, pinned{"my-app:1 ", "proxy:1 ", "seed ", false, ""},
		},
		"R21 what was asked for is pinned, beside what was not": {
			[]Option{pod("")}, map[string]model.Image{"proxy:1": known}, pinned{"my-app:1 ", proxy + present, "seed ", true, ""},
		},
		"R23 what is not known runs as written": {
			[]Option{pod("")}, all(silent), pinned{"my-app:1 ", "proxy:1 ", "seed ", false, "it hangs"},
		},
		"R23 what is known is pinned all the same": {
			[]Option{pod("")}, map[string]model.Image{"my-app:1": known, "proxy:1": silent, "seed": known},
			pinned{app + present, "proxy:1 ", seed + present, false, "it hangs"},
		},
		"R23 the first that is not known is told of": {
			[]Option{pod("")}, map[string]model.Image{"my-app:1": gone, "proxy:1": silent, "seed": known},
			pinned{"my-app:1 ", "proxy:1 ", seed + present, false, "it is gone"},
		},
		"R23 pulled always, as written": {
			[]Option{pod(""), always}, all(silent), pinned{"my-app:1 Always", "proxy:1 ", "seed ", false, "it hangs"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := render.Input{Stack: Stack("shop", test.options...), Images: map[model.ImageRequest]model.Image{}}
			for reference, image := range test.images {
				in.Images[model.ImageRequest{Reference: reference}] = image
			}
			rendered, err := render.Content(in)
			if err != nil {
				t.Fatal(err)
			}
			component := rendered.Components[0]
			got := pinned{Resolved: component.Provenance.Resolved}
			if unresolved := component.Provenance.Unresolved; unresolved != nil {
				got.Unresolved = unresolved.Message
			}
			line := map[string]*string{"app": &got.App, "proxy": &got.Proxy, "migrate": &got.Migrate}
			spec := component.Template.Spec
			for _, container := range append(spec.Containers, spec.InitContainers...) {
				*line[container.Name] = container.Image + " " + string(container.ImagePullPolicy)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("containers (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhatIsOnTheNodesAlready checks that an image that is never pulled is not resolved, even if
// another component resolves the same reference.
func TestWhatIsOnTheNodesAlready(t *testing.T) {
	never := func(s *v1alpha1.AppStack) { s.Spec.ImagePullPolicy = corev1.PullNever }
	rendered := from(t, Stack("shop", Bare(), never, Component("worker", 1, nil, "work")), rich())
	main, worker := rendered.Components[0], rendered.Components[1]
	if main.App().Image != "my-app:1" || main.Service != nil || len(main.Provenance.Values) > 0 || main.Provenance.Resolved {
		t.Errorf("R21 main runs %s, with ports %+v and %+v", main.App().Image, main.App().Ports, main.Provenance)
	}
	if worker.App().Image != "my-app:1@"+digest || !worker.Provenance.Resolved {
		t.Errorf("R21 the worker runs %s", worker.App().Image)
	}
}

// TestADigestInTheSpec checks that a digest in the spec is kept, whatever the registry returns.
func TestADigestInTheSpec(t *testing.T) {
	const written = "my-app:1@sha256:0000000000000000000000000000000000000000000000000000000000000000"
	component := mainFrom(t, Stack("shop", Bare(), Image(written)), rich())
	if got := component.App().Image; got != written {
		t.Errorf("R21 the component runs %s, want %s", got, written)
	}
	if got := valueOf(component, "ports"); got != "Image: 53/UDP, 80/TCP, 9090/TCP" {
		t.Errorf("R22 the ports are %q, want the image's", got)
	}
}
