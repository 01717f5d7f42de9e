// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
	. "github.com/appstack-dev/appstack/test/fixture"
)

const digest = "sha256:5a88e8f05c02ae8ea6bf8aca2cbf4bd7efb9c0ba5d0cf0e1e3a7c3c1b3c0ffee"

// image returns an image with a digest, whose config contains only what edit adds.
func image(edit func(*dockerspec.DockerOCIImageConfig)) model.Image {
	config := &dockerspec.DockerOCIImageConfig{}
	edit(config)
	return model.Image{Digest: digest, Config: config}
}

// rich returns an image whose config sets all fields.
func rich() model.Image {
	made := image(func(config *dockerspec.DockerOCIImageConfig) {
		config.ExposedPorts = set("9090/tcp", "80/tcp", "53/udp")
		config.Volumes = set("/var/cache/web", "/data")
		config.User = "1000:1000"
		config.StopSignal = "SIGQUIT"
		config.Healthcheck = &dockerspec.HealthcheckConfig{
			Test: []string{"CMD-SHELL", "curl -f http://localhost/ || exit 1"}, Timeout: 3 * time.Second, Retries: 2,
		}
	})
	made.Platforms = []model.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}
	return made
}

func set(keys ...string) map[string]struct{} {
	all := map[string]struct{}{}
	for _, key := range keys {
		all[key] = struct{}{}
	}
	return all
}

// from renders the stack with this image as the answer to all questions.
func from(t *testing.T, stack *v1alpha1.AppStack, image model.Image) model.Content {
	t.Helper()
	in := render.Input{Stack: stack, Defaults: render.StandardDefaults(), Images: map[model.ImageRequest]model.Image{}}
	for _, request := range render.Requests(stack.Spec, content(t, stack)) {
		in.Images[request] = image
	}
	rendered, err := render.Content(in)
	if err != nil {
		t.Fatal(err)
	}
	return rendered
}

// mainFrom returns the main component of the stack rendered like this.
func mainFrom(t *testing.T, stack *v1alpha1.AppStack, image model.Image) model.Component {
	t.Helper()
	return from(t, stack, image).Components[0]
}

// sourceOf returns a value of the component with its source, or an empty string.
func sourceOf(component model.Component, name string) string {
	for _, value := range component.Provenance.Values {
		if value.Name == name {
			return string(value.Source) + ": " + value.Value
		}
	}
	return ""
}

// valueOf returns the same, with the value's message.
func valueOf(component model.Component, name string) string {
	for _, value := range component.Provenance.Values {
		if value.Name == name && value.Message != "" {
			return sourceOf(component, name) + " (" + value.Message + ")"
		}
	}
	return sourceOf(component, name)
}

// overApp is a podTemplate that patches the app container.
func overApp(fields string) Option {
	return PodTemplate(`{"spec":{"containers":[{"name":"app",` + fields + `}]}}`)
}

func runsCommand(s *v1alpha1.AppStack) { s.Spec.Command = []string{"work"} }
func runsArgs(s *v1alpha1.AppStack)    { s.Spec.Args = []string{"--work"} }

// TestImagesAreLeftAlone checks that rendering changes neither the spec nor the image: both are
// shared with caches.
func TestImagesAreLeftAlone(t *testing.T) {
	stack := Stack("shop", Bare(), Component("worker", 1, nil, "work"), full, PodTemplate(`{"spec":{
		"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[
			{"matchExpressions":[{"key":"disk","operator":"In","values":["ssd"]}]}]}}},
		"containers":[{"name":"app","securityContext":{"readOnlyRootFilesystem":true}}]}}`))
	before, shared := stack.DeepCopy(), rich()
	first := from(t, stack, shared)
	if diff := cmp.Diff(before, stack); diff != "" {
		t.Errorf("R22 the stack was changed (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(rich(), shared); diff != "" {
		t.Errorf("R22 the image was changed (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(first, from(t, stack, shared)); diff != "" {
		t.Errorf("R22 the second rendering differs (-first +second):\n%s", diff)
	}
}

// TestSaidByImageOrBySpec checks that the same value from the image or from the spec gives the same
// content, so the revision number stays (R3), while the reported source changes.
func TestSaidByImageOrBySpec(t *testing.T) {
	serves := image(func(config *dockerspec.DockerOCIImageConfig) { config.ExposedPorts = set("80/tcp") })
	byImage := from(t, Stack("shop", Bare()), serves)
	bySpec := from(t, Stack("shop", Bare(), func(s *v1alpha1.AppStack) {
		s.Spec.Ports = []v1alpha1.Port{{Name: "http", ContainerPort: 80}}
	}), serves)
	if byImage.Hash() != bySpec.Hash() {
		t.Errorf("R3 different content (-image +spec):\n%s", cmp.Diff(byImage, bySpec))
	}
	got := []string{valueOf(byImage.Components[0], "ports"), valueOf(bySpec.Components[0], "ports")}
	if diff := cmp.Diff([]string{"Image: 80/TCP", "Spec: 80/TCP"}, got); diff != "" {
		t.Errorf("R22 (-want +got):\n%s", diff)
	}
	if other := from(t, Stack("shop", Bare(), Ports(80)), serves); other.Hash() == bySpec.Hash() {
		t.Error("R3 a port with another name gives the same content")
	}
}

// TestAnImageThatSaysNothing checks that an image with an empty config adds only its digest.
func TestAnImageThatSaysNothing(t *testing.T) {
	for name, says := range map[string]model.Image{
		"R22 it has no config":         {Digest: digest},
		"R22 its config says nothing":  image(func(*dockerspec.DockerOCIImageConfig) {}),
		"R23 nothing is known of it":   {Unresolved: &model.Unresolved{Reason: v1alpha1.ReasonImageNotFound}},
		"R23 nothing, and it was rich": {Unresolved: &model.Unresolved{Reason: v1alpha1.ReasonImageNotFound}, Config: rich().Config},
	} {
		t.Run(name, func(t *testing.T) {
			got := mainFrom(t, Stack("shop"), says)
			want := content(t, Stack("shop")).Components[0]
			app := got.App()
			app.Image, app.ImagePullPolicy = want.App().Image, want.App().ImagePullPolicy
			if diff := cmp.Diff(want.Template, got.Template); diff != "" {
				t.Errorf("template (-as written +got):\n%s", diff)
			}
		})
	}
}

// TestOtherComponentsImages checks that each component inherits from its own image.
func TestOtherComponentsImages(t *testing.T) {
	exposing := func(port string) model.Image {
		return image(func(config *dockerspec.DockerOCIImageConfig) { config.ExposedPorts = set(port) })
	}
	stack := Stack("shop", Bare(), Component("mailer", 1, func(c *v1alpha1.Component) { c.Image = "mail:1" }),
		Component("proxy", 1, func(c *v1alpha1.Component) {
			c.PodTemplate = Stack("", PodTemplate(`{"spec":{"containers":[{"name":"app","image":"proxy:1"}]}}`)).Spec.PodTemplate
		}))
	rendered, err := render.Content(render.Input{Stack: stack, Images: map[model.ImageRequest]model.Image{
		{Reference: "my-app:1"}: exposing("80/tcp"), {Reference: "mail:1"}: exposing("25/tcp"), {Reference: "proxy:1"}: exposing("3128/tcp"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, component := range rendered.Components {
		got[component.App().Image] = component.Name + ", " + valueOf(component, "ports")
	}
	want := map[string]string{
		"my-app:1@" + digest: "main, Image: 80/TCP", "mail:1@" + digest: "mailer, Image: 25/TCP", "proxy:1@" + digest: "proxy, Image: 3128/TCP",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("R22 (-want +got):\n%s", diff)
	}
}

// TestValuesAreBounded checks that any value from an image fits into a status.
func TestValuesAreBounded(t *testing.T) {
	long := image(func(config *dockerspec.DockerOCIImageConfig) {
		config.Healthcheck = &dockerspec.HealthcheckConfig{Test: []string{"CMD", strings.Repeat("ä", 3000)}}
		config.Volumes = set("/" + strings.Repeat("ä", 3000))
		config.User, config.StopSignal = strings.Repeat("ä", 3000), strings.Repeat("ä", 3000)
	})
	component := mainFrom(t, Stack("shop"), long)
	for _, name := range []string{"readinessProbe", "volumes", "user", "stopSignal"} {
		if len(valueOf(component, name)) < 1000 {
			t.Errorf("R22 %s is %q, want it truncated to the limit", name, valueOf(component, name))
		}
	}
	for _, value := range component.Provenance.Values {
		if len(value.Value) > 1024 || len(value.Message) > 1024 || !utf8.ValidString(value.Value) {
			t.Errorf("R22 %s has a value of %d bytes and a message of %d", value.Name, len(value.Value), len(value.Message))
		}
	}
}

// TestStopSignal checks the source of the app's stop signal. The image's signal is sent by the
// container runtime and needs no field.
func TestStopSignal(t *testing.T) {
	quits := image(func(config *dockerspec.DockerOCIImageConfig) { config.StopSignal = "SIGQUIT" })
	tests := map[string]struct {
		options []Option
		image   model.Image
		want    string
	}{
		"R22 the image":            {nil, quits, "Image: SIGQUIT"},
		"R22 whatever program":     {[]Option{runsCommand}, quits, "Image: SIGQUIT"},
		"R22 the podTemplate wins": {[]Option{overApp(`"lifecycle":{"stopSignal":"SIGINT"}`)}, quits, "Spec: SIGINT"},
		"R22 nobody":               {nil, image(func(*dockerspec.DockerOCIImageConfig) {}), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			component := mainFrom(t, Stack("shop", test.options...), test.image)
			if got := valueOf(component, "stopSignal"); got != test.want {
				t.Errorf("stop signal is %q, want %q", got, test.want)
			}
			set := component.App().Lifecycle.StopSignal != nil // not nil: it has a preStop hook
			if want := strings.HasPrefix(test.want, "Spec"); set != want {
				t.Errorf("the field is set: %t, want %t", set, want)
			}
		})
	}
}
