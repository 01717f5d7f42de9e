// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/sim"
)

// web is an image that serves on port 80. Its digest is a readable word.
func web(digest string) model.Image {
	return model.Image{
		Digest: "sha256:" + digest,
		Config: &dockerspec.DockerOCIImageConfig{
			ImageConfig: ocispec.ImageConfig{ExposedPorts: map[string]struct{}{"80/tcp": {}}},
		},
	}
}

// silent is an image whose registry did not answer in time.
func silent() model.Image {
	return model.Image{Unresolved: &model.Unresolved{
		Reason: v1alpha1.ReasonRegistryUnavailable, Message: "it does not answer in time",
	}}
}

// asked returns the questions of the plan for the state without answers.
func asked(state model.State, now time.Time) model.Questions {
	state.Answers = model.Answers{}
	return planner.Make(state, now).Asks
}

// told returns the state with the image as the answer to all questions.
func told(state model.State, image model.Image) model.State {
	questions := asked(state, noon)
	state.Answers = model.Answers{Release: questions.Release, Images: map[model.ImageRequest]model.Image{}}
	for _, request := range questions.Images {
		state.Answers.Images[request] = image
	}
	return state
}

// waiting returns the state while an image is looked up.
func waiting(state model.State, wait time.Duration) model.State {
	state.Answers = model.Answers{Release: asked(state, noon).Release, Waiting: "my-app:3", Wait: wait}
	return state
}

// resolved returns a world with a registry, in which the stack's first revision runs web("one").
func resolved(options ...Option) *sim.World {
	world := sim.New()
	world.Registry = sim.NewRegistry()
	world.Registry.Push("my-app:1", web("one"))
	world.Apply(Stack("shop", options...))
	world.Settle(patience)
	return world
}

// worker adds a component that runs the main image.
func worker(s *v1alpha1.AppStack) { With(s, Component("worker", 1, nil, "work")) }

// released returns a stack that was changed from my-app:1 to my-app:2.
func released() model.State { return after(Image("my-app:2")).State() }

// restarted returns a stack that was restarted at noon.
func restarted() model.State { return after(RestartedAt(noon)).State() }

// rolledBack returns a stack whose second release failed and was rolled back.
func rolledBack() model.State { return after(Image("my-app:crash")).State() }

// failed returns a stack whose second release has just failed.
func failed() model.State { return crashing().State() }

// changed returns the state with a changed spec.
func changed(state model.State, options ...Option) model.State {
	state.Stack = With(state.Stack.DeepCopy(), options...)
	return state
}

// pausedWith pauses the stack and changes it at the same time.
func pausedWith(change Option) Option {
	return func(s *v1alpha1.AppStack) { With(s, Paused(true), change) }
}

// TestWhileWaiting checks that a release waits for its image, and that nothing else does.
func TestWhileWaiting(t *testing.T) {
	tests := map[string]struct {
		state model.State
		want  []string
	}{
		"R21 a first release": {model.State{Stack: Stack("shop")}, nil},
		"R21 a change":        {changed(released(), Image("my-app:3")), nil},
		"R1 the number of pods": {
			changed(released(), Image("my-app:3"), Replicas(5)),
			[]string{"Update Deployment shop: the stack's spec changed it"},
		},
		"R28 a change made by hand is reverted": {
			func() model.State {
				state := changed(released(), Image("my-app:3"))
				state.Children.Deployment("shop").Spec.Template.Spec.Containers[0].Image = "by-hand:1"
				return state
			}(),
			[]string{"Update Deployment shop: Deployment shop: " +
				"spec.template.spec.containers[app].image was changed by someone else and is reverted: " +
				"to run another image, set it in the stack's spec"},
		},
		"R28 a deleted child is recreated": {
			func() model.State {
				state := changed(released(), Image("my-app:3"))
				state.Children.Remove(model.KindService, "shop")
				return state
			}(),
			[]string{"Create Service shop: Service shop was deleted by someone else and is created again: its cluster IP may have changed"},
		},
		"R6 a rollout ends": {
			func() model.State {
				state := changed(released(), Image("my-app:3"))
				rollouts := state.Revisions[1].Record.Rollouts
				rollouts[0].Outcome, rollouts[0].EndedAt = v1alpha1.OutcomeProgressing, nil
				return state
			}(),
			[]string{"Update ControllerRevision shop-2: revision 2 runs: all its pods are available"},
		},
		"R16a a rollout that a pause stopped does not resume": {
			changed(after(Image("my-app:2"), pausedWith(Image("my-app:3"))).State(), Paused(false)), nil,
		},
		"R8 revisions beyond the limit are deleted": {
			changed(after(Image("my-app:2"), Image("my-app:4")).State(), Image("my-app:3"), HistoryLimit(1)),
			[]string{
				"Update Deployment shop: the stack's spec changed it",
				"Delete ControllerRevision shop-1: beyond the 1 revisions that the stack keeps",
				"Delete ControllerRevision shop-2: beyond the 1 revisions that the stack keeps",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := planFor(waiting(test.state, 4*time.Second))
			if got.Start != nil || got.Problem != nil || got.LooksUp != "my-app:3" || got.Wait != 4*time.Second {
				t.Errorf("rollout start %v, problem %v, %q is looked up for %s; want neither, but my-app:3 for 4s",
					got.Start, got.Problem, got.LooksUp, got.Wait)
			}
			if diff := cmp.Diff(test.want, stepsOf(waiting(test.state, 4*time.Second))); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTheEndOfAPauseWhileWaiting checks that a stopped rollout is not judged before it is known
// whether the spec still resolves to it.
func TestTheEndOfAPauseWhileWaiting(t *testing.T) {
	world := after()
	world.Apply(With(world.Stack().DeepCopy(), Image("my-app:2"),
		Rollout(v1alpha1.RolloutPolicy{ProgressDeadlineSeconds: ptr.To[int32](30)})))
	world.Wait(2)
	world.Apply(With(world.Stack().DeepCopy(), Paused(true)))
	world.Wait(60)
	state := changed(world.State(), Paused(false), Image("my-app:3"))
	got := Plan(waiting(state, 4*time.Second), world.Now())
	if len(got.Steps) > 0 || got.LooksUp != "my-app:3" || got.Wait != 4*time.Second {
		t.Errorf("R16a steps %v, %q is looked up for %s; want none, my-app:3 for 4s", got.Steps, got.LooksUp, got.Wait)
	}
}

// TestNobodyWaits checks that waiting for an image blocks nothing that does not need it.
func TestNobodyWaits(t *testing.T) {
	tests := map[string]struct {
		state model.State
		move  string
	}{
		"R4 content that has a revision": {
			changed(released(), Image("my-app:1")),
			"Update ControllerRevision shop-1: revision 1: the spec's content is that of revision 1",
		},
		"R10 a rollback": {
			changed(released(), Image("my-app:3"), RollbackTo(1, 0)),
			"Update ControllerRevision shop-1: revision 1: rollback.toRevision is 1",
		},
		"R12 an automatic rollback": {
			crashing().State(),
			"Update ControllerRevision shop-1: revision 1: revision 2 failed: " +
				"component main, container app: CrashLoopBackOff, exit code 1",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := planFor(waiting(test.state, 4*time.Second))
			if moveOf(got) != test.move || got.LooksUp != "" {
				t.Errorf("rollout start %q, lookup of %q; want %q and none", moveOf(got), got.LooksUp, test.move)
			}
		})
	}
}

// TestTheSoonerWait checks that the earlier of a lookup's end and a rollout's deadline triggers the
// next reconcile.
func TestTheSoonerWait(t *testing.T) {
	world := after()
	world.Apply(With(world.Stack().DeepCopy(), Image("my-app:unready"),
		Rollout(v1alpha1.RolloutPolicy{ProgressDeadlineSeconds: ptr.To[int32](30)})))
	world.Wait(10)
	alone := planAt(world).Wait
	if alone <= 2*time.Second {
		t.Fatalf("the next reconcile is due in %s, want the deadline", alone)
	}
	With(world.Stack(), Image("my-app:3"))
	for wait, want := range map[time.Duration]time.Duration{
		time.Second:             time.Second,
		alone + time.Nanosecond: alone,
	} {
		if got := Plan(waiting(world.State(), wait), world.Now()).Wait; got != want {
			t.Errorf("R17 R23 a lookup for %s and a deadline in %s: next reconcile in %s, want %s", wait, alone, got, want)
		}
	}
}

// TestAFailureWhileWaiting checks that a failed rollout is not rolled back while the images of a
// changed spec are looked up (R12).
func TestAFailureWhileWaiting(t *testing.T) {
	new3 := []Option{Image("my-app:3")}
	same := func(s *v1alpha1.AppStack) { s.Spec.Ports[0].Protocol = corev1.ProtocolTCP }
	asWritten := func(state model.State) model.State { return told(state, silent()) }
	wait := func(state model.State) model.State { return waiting(state, time.Second) }
	const (
		back = "Update ControllerRevision shop-1: revision 1: revision 2 failed: " +
			"component main, container app: CrashLoopBackOff, exit code 1"
		third = "Create ControllerRevision shop-3: revision 3: the spec's content changed"
	)
	type outcome struct{ Move, Problem, LooksUp string }
	tests := map[string]struct {
		options []Option
		images  func(model.State) model.State
		want    outcome
	}{
		"R12 the rollback waits":             {new3, wait, outcome{LooksUp: "my-app:3"}},
		"R12 with Hold it waits too":         {append(new3, OnFailure(v1alpha1.FailurePolicyHold)), wait, outcome{LooksUp: "my-app:3"}},
		"R12 R16a a restart waits":           {[]Option{RestartedAt(noon)}, wait, outcome{LooksUp: "my-app:3"}},
		"R16a a paused stack does not wait":  {append(new3, Paused(true)), wait, outcome{Problem: v1alpha1.ReasonRolloutFailed}},
		"R12 the image is resolved":          {new3, func(s model.State) model.State { return told(s, web("three")) }, outcome{Move: third}},
		"R23 the image stays unresolved":     {new3, asWritten, outcome{Move: third}},
		"R12 the spec is the failed content": {[]Option{same}, asWritten, outcome{Move: back, Problem: v1alpha1.ReasonRolledBack}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			plan := planFor(test.images(changed(crashing().State(), test.options...)))
			got := outcome{moveOf(plan), reasonOf(plan), plan.LooksUp}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhatARevisionIsMadeOf checks what is recorded, and that the dry run uses exactly this.
func TestWhatARevisionIsMadeOf(t *testing.T) {
	type made struct {
		Image      string
		Resolved   bool
		Unresolved string
	}
	tests := map[string]struct {
		image model.Image
		want  made
	}{
		"R21 a digest": {web("three"), made{"my-app:3@sha256:three", true, ""}},
		"R23 the tag, and why it is not resolved": {silent(), made{"my-app:3", false, "it does not answer in time"}},
		"R21 an image without a config":           {model.Image{Digest: "sha256:odd"}, made{"my-app:3@sha256:odd", true, ""}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			move := planFor(told(changed(released(), Image("my-app:3")), test.image)).Start
			if move == nil || move.Verb() != "Create" {
				t.Fatalf("the rollout start is %v, want a new revision", move)
			}
			main := move.Revision.Content.Components[0]
			got := made{Image: main.App().Image, Resolved: main.Provenance.Resolved}
			if unresolved := main.Provenance.Unresolved; unresolved != nil {
				got.Unresolved = unresolved.Message
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("revision (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(main.Template, Written(move.DryRuns[0]).Spec.Template); diff != "" {
				t.Errorf("R4 the dry run (-recorded +tried):\n%s", diff)
			}
			if want := move.Revision.Content.Hash(); move.Asked().Hash != want || move.Revision.Record.ContentHash != want {
				t.Errorf("the hash is %s, recorded %s, want %s", move.Asked().Hash, move.Revision.Record.ContentHash, want)
			}
		})
	}
}

// TestWhatTheLastImageSaid checks that a release whose image cannot be inspected keeps what the
// component's previous image declared, after any number of such releases, and that a component
// without a previous revision inherits nothing.
func TestWhatTheLastImageSaid(t *testing.T) {
	next := func(state model.State, number string, image model.Image, options ...Option) model.State {
		state = told(changed(state, append(options, Image("my-app:"+number))...), image)
		state.Revisions = append(slices.Clone(state.Revisions), planFor(state).Start.Revision)
		return state
	}
	mailer := Component("mailer", 1, nil)
	byTag := func(s *v1alpha1.AppStack) { s.Spec.ImageResolution = v1alpha1.ImageResolutionTag }
	byDigest := func(s *v1alpha1.AppStack) { s.Spec.ImageResolution = v1alpha1.ImageResolutionDigest }
	first := resolved(Bare()).State()
	again := next(next(first, "2", silent()), "3", silent())
	tests := map[string]struct {
		state model.State
		want  map[string]string
	}{
		"R23 the first unresolved image":             {next(first, "2", silent()), map[string]string{"main": "my-app:2 http"}},
		"R23 a second unresolved image":              {again, map[string]string{"main": "my-app:3 http"}},
		"R22 a resolved image after unresolved ones": {next(again, "4", web("four")), map[string]string{"main": "my-app:4@sha256:four http"}},
		"R23 a new component": {
			next(first, "2", silent(), mailer), map[string]string{"main": "my-app:2 http", "mailer": "my-app:2 "},
		},
		"R23 a component that was removed and is added again": {
			next(next(next(first, "2", web("two"), mailer), "3", web("three"), WithoutComponents()), "4", silent(), mailer),
			map[string]string{"main": "my-app:4 http", "mailer": "my-app:4 http"},
		},
		"R23 a component whose tag was not resolved meanwhile": {
			next(next(next(first, "2", web("two"), mailer), "3", web("three"), byTag), "4", silent(), byDigest),
			map[string]string{"main": "my-app:4 http", "mailer": "my-app:4 http"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := map[string]string{}
			for _, component := range test.state.Revisions[len(test.state.Revisions)-1].Content.Components {
				got[component.Name] = component.App().Image + " "
				if component.Service != nil {
					got[component.Name] += component.Service.Ports[0].Name
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("images and ports (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTheSameContent checks which specs are another spelling of an existing revision's content
// (R3).
func TestTheSameContent(t *testing.T) {
	const (
		alias  = "Update ControllerRevision shop-1: the spec renders to the content of revision 1"
		second = "Move: Create ControllerRevision shop-2: revision 2: the spec's content changed"
	)
	bare := func() model.State { return resolved(Bare()).State() }
	down := func() model.State {
		world := sim.New()
		world.Registry = sim.NewRegistry()
		world.Registry.Hang()
		world.Apply(Stack("shop"))
		world.Settle(patience)
		return world.State()
	}
	explicit := func(s *v1alpha1.AppStack) { s.Spec.Ports = []v1alpha1.Port{{Name: "http", ContainerPort: 80}} }
	inFull := func(s *v1alpha1.AppStack) { s.Spec.ImageResolution = v1alpha1.ImageResolutionDigest }
	none := func(s *v1alpha1.AppStack) { s.Spec.Ports = []v1alpha1.Port{} }
	tcp := func(s *v1alpha1.AppStack) { s.Spec.Ports[0].Protocol = corev1.ProtocolTCP }
	tests := map[string]struct {
		state  func() model.State
		change Option
		image  model.Image
		want   []string
	}{
		"R3 the spec sets the values of the image":     {bare, explicit, web("one"), []string{alias}},
		"R3 the spec sets a default value":             {bare, inFull, web("one"), []string{alias}},
		"R3 the spec names another port":               {bare, Ports(81), web("one"), []string{second}},
		"R22 an empty list of ports is other content":  {bare, none, web("one"), []string{second}},
		"R21 the tag has moved":                        {bare, inFull, web("two"), []string{second}},
		"R23 the registry is silent now":               {bare, explicit, silent(), []string{second}},
		"R23 the registry is still silent":             {down, tcp, silent(), []string{alias}},
		"R23 the registry was silent and responds now": {down, tcp, web("one"), []string{second}},
		"R21 the spec pins the resolved digest":        {bare, Image("my-app:1@sha256:one"), web("one"), []string{alias}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			state := told(changed(test.state(), test.change), test.image)
			if len(state.Answers.Images) != 1 {
				t.Fatalf("%d images were looked up, want 1", len(state.Answers.Images))
			}
			if diff := cmp.Diff(test.want, stepsOf(state)); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAliasesFitIntoTheirRecord checks that the record of a large stack, with an image config of
// maximum size, fits into an annotation for any number of spellings.
func TestAliasesFitIntoTheirRecord(t *testing.T) {
	const most = 256 << 10 // limit of the API server for all annotations together
	says := web("one")
	says.Config.Volumes = map[string]struct{}{"/" + strings.Repeat("x", 5<<10): {}}
	says.Config.User, says.Config.StopSignal = strings.Repeat("u", 5<<10), strings.Repeat("s", 5<<10)
	says.Config.Healthcheck = &dockerspec.HealthcheckConfig{Test: []string{"CMD", strings.Repeat("c", 5<<10)}}
	state := model.State{Stack: Stack("shop", Bare())}
	for i := range 20 {
		With(state.Stack, Component(fmt.Sprintf("worker-%d", i), 1, nil))
	}
	state.Revisions = []model.Revision{planFor(told(state, says)).Start.Revision}
	for spelling := range 8 {
		other := PodTemplate(fmt.Sprintf(`{"metadata":{"annotations":{"spelling-%d":null}}}`, spelling))
		steps := planFor(told(changed(state, other), says)).Steps
		if steps[0].Verb() != "Update" { // the other steps create the stack's objects
			t.Fatalf("R3 the first step is %s, want one that records another spelling", steps[0])
		}
		state.Revisions = []model.Revision{*model.RevisionOf(steps[0])}
		record, err := json.Marshal(model.RevisionOf(steps[0]).Record)
		if err != nil || len(record) > most {
			t.Fatalf("R3 with %d spellings the record has %d bytes, error %v; want %d at most", spelling+1, len(record), err, most)
		}
	}
}

// TestARestartOfTheSameBytes checks that a restart replaces the pods even if the tag has not moved,
// and that the spec resolves to the restarted revision.
func TestARestartOfTheSameBytes(t *testing.T) {
	world := resolved()
	world.Apply(With(world.Stack().DeepCopy(), RestartedAt(noon)))
	world.Settle(patience)
	first, second := world.State().Revisions[0], world.State().Revisions[1]
	if first.Record.ContentHash != second.Record.ContentHash {
		t.Errorf("R3 the hash of the same content changed from %s to %s", first.Record.ContentHash, second.Record.ContentHash)
	}
	if got := second.Content.Components[0].Template.Annotations[naming.AnnotationRestartedAt]; got != "2026-01-01T12:00:00Z" {
		t.Errorf("R16a the restart annotation is %q", got)
	}
	if got := second.Content.Components[0].App().Image; got != "my-app:1@sha256:one" {
		t.Errorf("R21 the image is %s", got)
	}
	With(world.Stack(), func(s *v1alpha1.AppStack) { s.Spec.Ports[0].Protocol = corev1.ProtocolTCP })
	want := []string{"Update ControllerRevision shop-2: the spec renders to the content of revision 2"}
	if diff := cmp.Diff(want, stepsOf(told(world.State(), web("one")))); diff != "" {
		t.Errorf("R3 steps (-want +got):\n%s", diff)
	}
}
