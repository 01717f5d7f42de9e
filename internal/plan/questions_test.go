// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// lookedUp returns the references of the requested images.
func lookedUp(questions model.Questions) []string {
	var references []string
	for _, request := range questions.Images {
		references = append(references, request.Reference)
	}
	return references
}

// TestQuestions checks that images are looked up only for a revision that is about to be created.
func TestQuestions(t *testing.T) {
	change := func(options ...Option) func(*model.State) {
		return func(s *model.State) { With(s.Stack, options...) }
	}
	never := func(s *v1alpha1.AppStack) { s.Spec.ImagePullPolicy = corev1.PullNever }
	tag := func(s *v1alpha1.AppStack) { s.Spec.ImageResolution = v1alpha1.ImageResolutionTag }
	tests := map[string]struct {
		state  func() model.State
		change func(*model.State)
		want   []string
	}{
		"R21 the first release": {
			func() model.State { return model.State{Stack: Stack("shop")} }, change(), []string{"my-app:1"},
		},
		"R21 nothing if the spec's content has a revision": {released, change(Replicas(7)), nil},
		"R21 new content":                   {released, change(Image("my-app:3")), []string{"my-app:3"}},
		"R21 the same image, other content": {released, change(Env("A", "1")), []string{"my-app:2"}},
		"R21 an earlier revision's content": {released, change(Image("my-app:1")), nil},
		"R21 each image once, of all components": {
			released,
			change(worker, Component("mailer", 1, func(c *v1alpha1.Component) { c.Image = "mail:1" })),
			[]string{"my-app:2", "mail:1"},
		},
		"R16a a restart":                          {released, change(RestartedAt(noon)), []string{"my-app:2"}},
		"R16a nothing during a pause":             {released, change(Image("my-app:3"), Paused(true)), nil},
		"R16a nothing for a paused first release": {func() model.State { return model.State{Stack: Stack("shop", Paused(true))} }, change(), nil},
		"R10 nothing while a rollback holds":      {released, change(Image("my-app:3"), RollbackTo(1, 0)), nil},
		"R10 nothing for a rollback":              {released, change(RollbackTo(1, 2)), nil},
		"R10 new content that ends a rollback":    {released, change(Image("my-app:3"), RollbackTo(1, 2)), []string{"my-app:3"}},
		"R15 nothing for a missing revision":      {released, change(Image("my-app:3"), RollbackTo(9, 0)), nil},
		"R16a nothing for an earlier restart":     {restarted, change(RestartedAt(noon.Add(-time.Hour))), nil},
		"R12 nothing after a rollback":            {rolledBack, change(), nil},
		"R12 new content after a rollback":        {rolledBack, change(Image("my-app:3")), []string{"my-app:3"}},
		"R12 nothing for the failed content":      {failed, change(), nil},
		"R12 new content after a failure":         {failed, change(Image("my-app:3")), []string{"my-app:3"}},
		"R21 nothing if tags run as written":      {released, change(Image("my-app:3"), tag), nil},
		"R21 nothing if images are never pulled":  {released, change(Image("my-app:3"), never), nil},
		"R30 nothing if a revision is damaged": {
			released,
			func(s *model.State) {
				With(s.Stack, Image("my-app:3"))
				s.Damaged = &model.Problem{Reason: v1alpha1.ReasonRevisionDamaged}
			},
			nil,
		},
		"R26 nothing while a deleted stack's objects exist": {
			released,
			func(s *model.State) {
				With(s.Stack, Image("my-app:3"))
				s.Predecessor = `Deployment "shop"`
			},
			nil,
		},
		"R30 nothing if the podTemplate is invalid": {
			released, change(Image("my-app:3"), PodTemplate(`{"spec":{"nodeSelectr":{}}}`)), nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			state := test.state()
			test.change(&state)
			questions := asked(state, noon)
			if diff := cmp.Diff(test.want, lookedUp(questions)); diff != "" {
				t.Errorf("looked up (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(questions, asked(state, noon)); diff != "" {
				t.Errorf("looked up a second time (-first +second):\n%s", diff)
			}
		})
	}
}

// TestFreshEnough checks how old an answer may be. Stacks that are created together share answers,
// however long the last of them waits in the queue; a restart needs the tag's current digest.
func TestFreshEnough(t *testing.T) {
	created := func(at time.Time, options ...Option) model.State {
		stack := Stack("shop", options...)
		stack.CreationTimestamp = metav1.NewTime(at)
		return model.State{Stack: stack}
	}
	tests := map[string]struct {
		state model.State
		want  time.Time
	}{
		"R21 a new stack":                   {created(noon), noon.Add(-10 * time.Second)},
		"R21 a new stack that had to wait":  {created(noon.Add(-20 * time.Second)), noon.Add(-30 * time.Second)},
		"R21 a new stack, by a clock ahead": {created(noon.Add(time.Minute)), noon.Add(-10 * time.Second)},
		"R21 a change":                      {changed(released(), Image("my-app:3")), noon.Add(-10 * time.Second)},
		"R21 a change of a stack that is a day old": {
			func() model.State {
				state := changed(released(), Image("my-app:3"))
				state.Stack.CreationTimestamp = metav1.NewTime(noon.Add(-24 * time.Hour))
				return state
			}(),
			noon.Add(-10 * time.Second),
		},
		"R21 a restart":                    {changed(released(), RestartedAt(noon)), time.Time{}},
		"R21 a restart with new content":   {changed(released(), RestartedAt(noon), Image("my-app:3")), time.Time{}},
		"R21 a new stack with restartedAt": {created(noon, RestartedAt(noon)), noon.Add(-10 * time.Second)},
		"R21 a change after an earlier restart": {
			changed(restarted(), Image("my-app:3")), noon.Add(-10 * time.Second),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			questions := asked(test.state, noon)
			if len(questions.Images) != 1 || !questions.Since.Equal(test.want) {
				t.Errorf("%d images are looked up, for answers since %s; want 1, since %s", len(questions.Images), questions.Since, test.want)
			}
		})
	}
}

// TestAReleaseLongAfterTheStackWasCreated checks that a first release that comes late, because the
// stack was paused, accepts no answer from long before: the tag may have moved.
func TestAReleaseLongAfterTheStackWasCreated(t *testing.T) {
	stack := Stack("shop")
	stack.CreationTimestamp = metav1.NewTime(noon.Add(-24 * time.Hour))
	questions := asked(model.State{Stack: stack}, noon)
	if age := noon.Sub(questions.Since); age > time.Hour {
		t.Errorf("R21 an answer that is %s old is accepted as current", age)
	}
}

// TestReleases checks which lookups belong to the same release, and so reuse its answers.
func TestReleases(t *testing.T) {
	of := func(options ...Option) string {
		return asked(changed(released(), options...), noon).Release
	}
	base := []Option{Image("my-app:3")}
	tests := map[string]struct {
		options []Option
		same    bool
	}{
		"R1 replicas":                       {[]Option{Image("my-app:3"), Replicas(9)}, true},
		"R1 the rollout policy":             {[]Option{Image("my-app:3"), OnFailure(v1alpha1.FailurePolicyHold)}, true},
		"R21 another image":                 {[]Option{Image("my-app:4")}, false},
		"R21 another variable":              {[]Option{Image("my-app:3"), Env("A", "1")}, false},
		"R21 other credentials":             {[]Option{Image("my-app:3"), pullSecret}, false},
		"R21 a restart":                     {[]Option{Image("my-app:3"), RestartedAt(noon)}, false},
		"R10 a rollback that does not hold": {[]Option{Image("my-app:3"), RollbackTo(1, 2)}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := of(test.options...); got == "" || (got == of(base...)) != test.same {
				t.Errorf("the release is %q, of %q; the same: want %t", got, of(base...), test.same)
			}
		})
	}
	if of(RestartedAt(noon)) == of(RestartedAt(noon.Add(time.Second))) {
		t.Error("R21 two restarts count as one release")
	}
}

func pullSecret(s *v1alpha1.AppStack) {
	s.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "registry"}}
}

// TestWaitingAndAskingAgree checks that a plan waits for images if and only if it asks for some,
// for any spec.
func TestWaitingAndAskingAgree(t *testing.T) {
	options := map[string]Option{
		"as it is": Replicas(3), "image": Image("my-app:3"), "back": Image("my-app:1"), "pause": Paused(true),
		"restart": RestartedAt(noon), "rollback": RollbackTo(1, 0), "left rollback": RollbackTo(1, 2), "lost rollback": RollbackTo(9, 0),
		"other words": func(s *v1alpha1.AppStack) { s.Spec.Ports[0].Protocol = "TCP" },
	}
	states := map[string]model.State{
		"new": {Stack: Stack("shop")}, "released": released(), "restarted": restarted(), "rolled back": rolledBack(), "failed": failed(),
	}
	for name, state := range states {
		for change, option := range options {
			t.Run("R21 "+name+", "+change, func(t *testing.T) {
				state := changed(state, option)
				asks := len(asked(state, noon).Images) > 0
				if waits := planFor(waiting(state, time.Second)).LooksUp != ""; waits != asks {
					t.Errorf("the plan asks for images: %t, but waits for them: %t", asks, waits)
				}
				move := planFor(told(state, web("x"))).Start
				if move != nil && move.Verb() == "Create" && !asks {
					t.Errorf("a rollout starts without its images being looked up: %s", move)
				}
			})
		}
	}
}

// TestAliasesAreSources checks that a spec that resolved to existing content is not looked up
// again.
func TestAliasesAreSources(t *testing.T) {
	world := resolved(Bare())
	world.Apply(With(world.Stack().DeepCopy(), func(s *v1alpha1.AppStack) { s.Spec.ImageResolution = v1alpha1.ImageResolutionDigest }))
	world.Settle(patience)
	world.Registry.Push("my-app:1", web("newer"))
	state := world.State()
	if got := asked(state, noon.Add(time.Hour)); len(got.Images) > 0 {
		t.Errorf("R4 looked up again: %+v", got)
	}
	hash := revision.SourceHash(state.Stack.Spec)
	if len(state.Revisions) != 1 || !slices.Contains(state.Revisions[0].Record.Sources, hash) {
		t.Errorf("R3 %d revisions, first with sources %v; want one revision that includes %s",
			len(state.Revisions), state.Revisions[0].Record.Sources, hash)
	}
}
