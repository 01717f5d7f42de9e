// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/sim"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// settled returns the state of a stack whose first rollout has succeeded.
func settled(options ...Option) model.State {
	world := sim.New()
	world.Apply(Stack("shop", options...))
	world.Settle(patience)
	return world.State()
}

// patience is the number of seconds within which the simulation has to settle.
const patience = 300

// after returns a world in which the stack was released and then changed by the options one at a
// time, settling after each.
func after(changes ...Option) *sim.World {
	world := sim.New()
	world.Apply(Stack("shop"))
	world.Settle(patience)
	for _, change := range changes {
		world.Apply(With(world.Stack().DeepCopy(), change))
		world.Settle(patience)
	}
	return world
}

// stepsOf returns the plan's steps as lines.
func stepsOf(state model.State) []string {
	var lines []string
	plan := planFor(state)
	if plan.Start != nil {
		lines = append(lines, "Move: "+plan.Start.String())
	}
	for _, step := range plan.Steps {
		lines = append(lines, step.String())
	}
	return lines
}

func planFor(state model.State) model.Plan { return Plan(state, noon) }

var planner = Planner

func TestChangeCauseIsBounded(t *testing.T) {
	state := model.State{Stack: Stack("shop", Annotation(v1alpha1.AnnotationChangeCause, strings.Repeat("x", 5000)))}
	if got := len(planFor(state).Start.Revision.Record.ChangeCause); got != 1024 {
		t.Errorf("R5 %d bytes of the cause are kept, want 1024", got)
	}
}

func TestEmptyRolloutIsNotGood(t *testing.T) {
	state := settled(Replicas(0))
	if rollout := state.Revisions[0].Record.Rollouts[0]; rollout.Outcome != v1alpha1.OutcomeSucceeded || rollout.Good() {
		t.Errorf("R6 zero replicas: %+v, want succeeded and not good", rollout)
	}
}

// TestRespellingAfterARestart checks that another spelling of the same content resolves to the
// restarted revision.
func TestRespellingAfterARestart(t *testing.T) {
	world := after(RestartedAt(noon))
	world.Apply(With(world.Stack().DeepCopy(), func(s *v1alpha1.AppStack) { s.Spec.Ports[0].Protocol = corev1.ProtocolTCP }))
	want := []string{"Update ControllerRevision shop-2: the spec renders to the content of revision 2"}
	if diff := cmp.Diff(want, stepsOf(world.State())); diff != "" {
		t.Errorf("R3 steps (-want +got):\n%s", diff)
	}
}

// TestARevisionThatNeverStarted checks that components of a superseded revision are not created on
// the way to the next one.
func TestARevisionThatNeverStarted(t *testing.T) {
	state := settled()
	With(state.Stack, Component("oops", 1, nil), Ports(80, 81))
	second := planFor(state).Start.Revision
	state.Revisions = append(state.Revisions, second)
	With(state.Stack, WithoutComponents(), Ports(80), Image("my-app:3"))
	third := planFor(state).Start.Revision
	state.Revisions = append(state.Revisions, third)
	want := []string{"Update Deployment shop: from revision 1 to revision 3"}
	if diff := cmp.Diff(want, stepsOf(state)); diff != "" {
		t.Errorf("R9 steps (-want +got):\n%s", diff)
	}
}

// TestALostRecordReplacesNoPods checks that if the running revision's record is missing, no other
// revision is rolled out instead.
func TestALostRecordReplacesNoPods(t *testing.T) {
	state := after(Image("my-app:2"), RollbackTo(1, 0)).State()
	state.Revisions = state.Revisions[1:]
	got := planFor(state)
	if len(stepsOf(state)) > 0 || got.Problem == nil || got.Problem.Reason != v1alpha1.ReasonRevisionNotFound {
		t.Errorf("R15 steps %v, problem %+v, want none and RevisionNotFound", stepsOf(state), got.Problem)
	}
	With(state.Stack, NoRollback())
	if steps := stepsOf(state); len(steps) != 1 || steps[0] !=
		"Move: Update ControllerRevision shop-2: revision 2: the spec's content is that of revision 2" {
		t.Errorf("R10 without the rollback the spec's content is released, got %v", steps)
	}
}

func TestAnEmptyRolloutBecomesGoodWithPods(t *testing.T) {
	world := sim.New()
	world.Apply(Stack("shop", Replicas(0)))
	world.Settle(patience)
	world.Apply(With(world.Stack().DeepCopy(), Replicas(2)))
	world.Settle(patience)
	if got := world.Stack().Status.LastGoodRevision; got != 1 {
		t.Errorf("R6 the last good revision is %d, want 1", got)
	}
}

// TestRollbacksAreTriedToo checks that a rollback gets a dry run before it starts, as a release
// does: of the Deployments and all changed objects.
func TestRollbacksAreTriedToo(t *testing.T) {
	tests := map[string]struct {
		since Option
		want  []model.Kind
	}{
		"another image": {Image("my-app:2"), []model.Kind{model.KindDeployment}},
		// the Service with the ports of both revisions, and its final form
		"another port": {Ports(9090), []model.Kind{model.KindDeployment, model.KindService, model.KindService}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			state := after(test.since).State()
			With(state.Stack, RollbackTo(1, 0))
			move := planFor(state).Start
			if move == nil || move.Verb() != "Update" {
				t.Fatalf("R10 the rollout start is %v, want one of revision 1", move)
			}
			var tried []model.Kind
			for _, step := range move.DryRuns {
				tried = append(tried, step.Kind)
			}
			if diff := cmp.Diff(test.want, tried); diff != "" {
				t.Errorf("R4 dry runs before it starts (-want +got):\n%s", diff)
			}
		})
	}
}
