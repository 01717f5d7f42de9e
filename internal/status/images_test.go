// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/status"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/sim"
)

// web is an image that serves on port 8080. Its digest is a readable word.
func web(digest string) model.Image {
	return model.Image{
		Digest:    "sha256:" + digest,
		Platforms: []model.Platform{{OS: "linux", Architecture: "amd64"}},
		Config: &dockerspec.DockerOCIImageConfig{
			ImageConfig: ocispec.ImageConfig{User: "1000", ExposedPorts: map[string]struct{}{"8080/tcp": {}}},
		},
	}
}

// withRegistry returns a world with a registry, in which the stack's first release is complete.
func withRegistry(options ...Option) *sim.World {
	world := sim.New()
	world.Registry = sim.NewRegistry()
	world.Registry.Push("my-app:1", web("one"))
	world.Apply(Stack("shop", options...))
	world.Settle(60)
	return world
}

// seen returns the input for the world's current state.
func seen(world *sim.World) status.Input {
	return planned(status.Input{State: world.State(), Now: world.Now()})
}

func unresolved(reason, message string) model.Provenance {
	return model.Provenance{Unresolved: &model.Unresolved{Reason: reason, Message: message}}
}

func TestImagesResolved(t *testing.T) {
	resolved := model.Provenance{Resolved: true}
	const pinned = "True Pinned: the resolved images are pinned by their digests"
	tests := map[string]struct {
		main, worker model.Provenance
		want         string
	}{
		"R21 no image had to be resolved": {model.Provenance{}, model.Provenance{}, ""},
		"R21 all images were resolved":    {resolved, resolved, pinned},
		"R21 all but one that is never pulled": {
			resolved, model.Provenance{}, pinned,
		},
		"R23 one image was not resolved": {
			unresolved(v1alpha1.ReasonImageNotFound, "ghcr.io, asked for app:1: it answers 404 Not Found"), model.Provenance{},
			"False NotFound: images run as written; component main: ghcr.io, asked for app:1: it answers 404 Not Found",
		},
		"R23 one image was resolved, one was not": {
			resolved, unresolved(v1alpha1.ReasonImageUnauthorized, "no"),
			"False Unauthorized: images run as written; component worker: no",
		},
		"R23 one image was not resolved, and uses the values of its last resolved image": {
			model.Provenance{Unresolved: &model.Unresolved{Reason: "NotFound", Message: "no"}, Facts: &model.Facts{}}, resolved,
			"False NotFound: images run as written; component main: no (the settings from its last resolved image still apply)",
		},
		"R23 several images were not resolved: the reason is that of the first": {
			unresolved(v1alpha1.ReasonRegistryUnavailable, "it hangs"), unresolved(v1alpha1.ReasonImageNotFound, "it is gone"),
			"False RegistryUnavailable: images run as written; component main: it hangs; component worker: it is gone",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := planned(settled(Component("worker", 1, nil, "work")))
			in.Plan.Components[0].Provenance, in.Plan.Components[1].Provenance = test.main, test.worker
			if diff := cmp.Diff(test.want, conditions(status.Compute(in))["ImagesResolved"]); diff != "" {
				t.Errorf("condition (-want +got):\n%s", diff)
			}
		})
	}
}

// TestImagesResolvedIsOfWhatRuns checks the condition across the revisions of a stack.
func TestImagesResolvedIsOfWhatRuns(t *testing.T) {
	world := withRegistry()
	var got []string
	note := func() { got = append(got, conditions(status.Compute(seen(world)))["ImagesResolved"]) }
	change := func(options ...Option) {
		world.Apply(With(world.Stack().DeepCopy(), options...))
		world.Settle(60)
		note()
	}
	note()
	world.Registry.Hang()
	change(Image("my-app:2"))
	world.Registry.Recover()
	world.Wait(60)
	note()
	change(RollbackTo(1, 0))
	change(NoRollback(), Image("my-app:3"), byTag)
	const (
		pinned = "True Pinned: the resolved images are pinned by their digests"
		silent = "False RegistryUnavailable: images run as written; component main: " +
			"the registry, asked for my-app:2: it does not answer in time (the settings from its last resolved image still apply)"
	)
	if diff := cmp.Diff([]string{pinned, silent, silent, pinned, ""}, got); diff != "" {
		t.Errorf("R21 R23 ImagesResolved at first, without the registry, with it again, rolled back, by its tag (-want +got):\n%s", diff)
	}
}

// byTag disables registry lookups, and byDigest enables them.
func byTag(s *v1alpha1.AppStack)    { s.Spec.ImageResolution = v1alpha1.ImageResolutionTag }
func byDigest(s *v1alpha1.AppStack) { s.Spec.ImageResolution = v1alpha1.ImageResolutionDigest }

// TestImagesResolvedIsOfWhatIsAskedFor checks that the condition reflects the current spec if its
// content already runs: a revision with unresolved images has the same content whether no digests
// were requested or none were available.
func TestImagesResolvedIsOfWhatIsAskedFor(t *testing.T) {
	const silent = "False RegistryUnavailable: images run as written; component main: " +
		"the registry, asked for my-app:1: it does not answer in time"
	tests := map[string]struct {
		specs []Option
		want  string
	}{
		"R23 by its digest, of a registry that is silent": {[]Option{byDigest}, silent},
		"R21 by its tag, after that":                      {[]Option{byDigest, byTag}, ""},
		"R23 by its digest, after it was by its tag":      {[]Option{byTag, byDigest}, silent},
		"R23 by its digest, which was tried before":       {[]Option{byDigest, byTag, byDigest}, silent},
		"R21 by its tag, as before":                       {[]Option{byTag, byDigest, byTag}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			world := sim.New()
			world.Registry = sim.NewRegistry()
			world.Registry.Hang()
			world.Apply(Stack("shop"))
			for _, spec := range test.specs {
				world.Apply(With(world.Stack().DeepCopy(), spec))
				world.Settle(60)
			}
			if diff := cmp.Diff(test.want, conditions(status.Compute(seen(world)))["ImagesResolved"]); diff != "" {
				t.Errorf("condition (-want +got):\n%s", diff)
			}
			if revisions := world.State().Revisions; len(revisions) != 1 {
				t.Errorf("R3 there are %d revisions of the same content", len(revisions))
			}
		})
	}
}

func TestReadyWhileLookingUp(t *testing.T) {
	const asks = "my-app:3 is being resolved in its registry"
	waiting := model.Answers{Waiting: "my-app:3", Wait: time.Second}
	tests := map[string]struct {
		change func(*status.Input)
		want   map[string]string
	}{
		"R19 a first release": {
			func(in *status.Input) { in.State = model.State{Stack: Stack("shop", Image("my-app:3"))} },
			map[string]string{
				"Ready": "False Progressing: " + asks, "Reconciling": "True Progressing: " + asks,
				"Available": "False NotStarted: nothing runs yet",
			},
		},
		"R19 a change": {
			func(*status.Input) {},
			map[string]string{
				"Ready": "False Progressing: " + asks, "Reconciling": "True Progressing: " + asks,
				"Available": "True PodsAvailable: every component has a pod that serves",
			},
		},
		"R19 running components lack pods meanwhile": {
			func(in *status.Input) { in.State.Children.Deployment("shop").Status.AvailableReplicas = 0 },
			map[string]string{
				"Ready": "False Progressing: " + asks, "Reconciling": "True Progressing: " + asks,
				"Available": "False PodsUnavailable: shop: none of 3 pods is available",
			},
		},
		"R30 a request that is tried again comes first": {
			func(in *status.Input) { in.Outcome.Trouble = "a webhook is down" },
			map[string]string{
				"Ready": "False Retrying: a webhook is down", "Reconciling": "True Retrying: a webhook is down",
				"Available": "True PodsAvailable: every component has a pod that serves",
			},
		},
		"R16a paused: no image is resolved": {
			func(in *status.Input) { With(in.State.Stack, Paused(true)) },
			map[string]string{
				"Ready":       "False Paused: a rollout is due and paused is set: remove paused to go on",
				"Reconciling": "True Paused: a rollout is due and paused is set: remove paused to go on",
				"Available":   "True PodsAvailable: every component has a pod that serves",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := settled()
			With(in.State.Stack, Image("my-app:3"))
			test.change(&in)
			in.State.Answers = waiting
			if diff := cmp.Diff(test.want, conditions(status.Compute(planned(in)))); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAStackThatIsLookedAfterDoesNotFlap checks that the status is stable while nothing happens:
// while an image is looked up, and afterwards (R19).
func TestAStackThatIsLookedAfterDoesNotFlap(t *testing.T) {
	looking := withRegistry()
	looking.Registry.Hang()
	looking.Apply(With(looking.Stack().DeepCopy(), Image("my-app:2")))
	looking.Wait(2)
	given := withRegistry()
	given.Registry.Hang()
	given.Apply(With(given.Stack().DeepCopy(), Image("my-app:2")))
	given.Settle(60)
	for name, world := range map[string]*sim.World{"R19 while it looks up": looking, "R19 pinned": withRegistry(), "R19 as written": given} {
		t.Run(name, func(t *testing.T) {
			in := seen(world)
			first := status.Compute(in)
			in.State.Stack.Status = first
			in.Now = in.Now.Add(3 * time.Second)
			in.State.Answers.Wait -= 3 * time.Second // the remaining wait
			if diff := cmp.Diff(first, status.Compute(planned(in))); diff != "" {
				t.Errorf("(-first +again):\n%s", diff)
			}
		})
	}
}

// TestShortImage checks the column IMAGE.
func TestShortImage(t *testing.T) {
	const digest = "@sha256:0000000000000000000000000000000000000000000000000000000000000000"
	tests := map[string]struct{ runs, want string }{
		"R20 a tag":                     {"my-app:1", "my-app:1"},
		"R20 neither":                   {"my-app", "my-app"},
		"R20 a resolved tag":            {"my-app:1" + digest, "my-app:1"},
		"R20 a digest without a tag":    {"my-app" + digest, "my-app" + digest},
		"R20 a port is not a tag":       {"localhost:5000/my-app" + digest, "localhost:5000/my-app" + digest},
		"R20 a port and a resolved tag": {"localhost:5000/my-app:1" + digest, "localhost:5000/my-app:1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := planned(settled())
			in.Plan.Components[0].App().Image = test.runs
			got := status.Compute(in)
			if got.Image != test.want {
				t.Errorf("image is %s, want %s", got.Image, test.want)
			}
			if reference := got.Components[0].Image; reference != test.runs {
				t.Errorf("the component's image is %s, want %s", reference, test.runs)
			}
		})
	}
}

// TestComponentImages checks which image each component runs, and the sources of its values.
func TestComponentImages(t *testing.T) {
	world := withRegistry(Bare(), Component("worker", 1, nil, "work"))
	type image struct {
		Runs   string
		Values []v1alpha1.ImageValue
	}
	var got []image
	for _, component := range status.Compute(seen(world)).Components {
		got = append(got, image{component.Image, component.ImageValues})
	}
	of := func(name, value, message string, source v1alpha1.ImageValueSource) v1alpha1.ImageValue {
		return v1alpha1.ImageValue{Name: name, Value: value, Source: source, Message: message}
	}
	const restricted = "runAsNonRoot, and no capabilities"
	want := []image{
		{Runs: "my-app:1@sha256:one", Values: []v1alpha1.ImageValue{
			of("ports", "8080/TCP", "", v1alpha1.ImageValueSourceImage),
			of("readinessProbe", "TCP on port port-8080", "", v1alpha1.ImageValueSourceDefault),
			of("user", "1000", restricted, v1alpha1.ImageValueSourceImage),
			of("platforms", "linux/amd64", "", v1alpha1.ImageValueSourceImage),
		}},
		{Runs: "my-app:1@sha256:one", Values: []v1alpha1.ImageValue{
			of("user", "1000", restricted, v1alpha1.ImageValueSourceImage),
			of("platforms", "linux/amd64", "", v1alpha1.ImageValueSourceImage),
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("R22 (-want +got):\n%s", diff)
	}
}

// TestHistoryOfImages checks that the history reports the digests of each revision, and where they
// are not certain.
func TestHistoryOfImages(t *testing.T) {
	world := withRegistry()
	world.Registry.Push("my-app:1", web("newer"))
	world.Apply(With(world.Stack().DeepCopy(), RestartedAt(noon)))
	world.Settle(60)
	world.Registry.Hang()
	world.Apply(With(world.Stack().DeepCopy(), Image("my-app:2")))
	world.Settle(60)
	var got []v1alpha1.ImageStatus
	for _, rollout := range status.Compute(seen(world)).History {
		got = append(got, rollout.Images...)
	}
	want := []v1alpha1.ImageStatus{
		{Component: naming.Main, Image: "my-app:2"},
		{Component: naming.Main, Image: "my-app:1@sha256:newer", Pinned: true},
		{Component: naming.Main, Image: "my-app:1@sha256:one", Pinned: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("R21 R23 (-want +got):\n%s", diff)
	}
}
