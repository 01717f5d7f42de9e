// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/sim"
)

// crashing returns a world in which revision 2 has crashed three times and its failure is recorded,
// but nothing has followed from it yet.
func crashing(options ...Option) *sim.World {
	world := after(options...)
	world.Apply(With(world.Stack().DeepCopy(), Image("my-app:crash")))
	for range 100 {
		world.Wait(1)
		if failed := planAt(world).Rollout.Failure; failed != nil {
			return world
		}
		if steps := planAt(world).Steps; len(steps) > 0 && steps[0].About().Event == v1alpha1.EventRolloutFailed {
			return world
		}
		// the operator is down when the third exit comes
		if strings.Contains(world.Transcript(), "[exits: 2]") {
			for !strings.Contains(world.Transcript(), "[exits: 3]") {
				world.Tick()
			}
			world.OperateAndDie(1)
			return world
		}
	}
	panic("it does not fail")
}

func planAt(world *sim.World) model.Plan {
	return Plan(world.State(), world.Now())
}

func moveOf(plan model.Plan) string {
	if plan.Start == nil {
		return ""
	}
	return plan.Start.String()
}

func reasonOf(plan model.Plan) string {
	if plan.Problem == nil {
		return ""
	}
	return plan.Problem.Reason
}

// TestARecordedFailure checks what follows from a recorded failure, whichever reconcile reads it.
func TestARecordedFailure(t *testing.T) {
	const back = "Update ControllerRevision shop-1: revision 1: revision 2 failed: " +
		"component main, container app: CrashLoopBackOff, exit code 1"
	refuse := func(state *model.State) {
		move := planFor(*state).Start
		state.Rejected = map[model.Target]model.Rejection{move.Target(): {Asked: move.Asked()}}
	}
	tests := map[string]struct {
		change       func(*model.State)
		move, reason string
	}{
		"R12 an automatic rollback to the last good revision": {
			func(*model.State) {}, back, v1alpha1.ReasonRolledBack,
		},
		"R14 no rollback if the policy is Hold": {
			func(s *model.State) { With(s.Stack, OnFailure(v1alpha1.FailurePolicyHold)) }, "", v1alpha1.ReasonRolloutFailed,
		},
		"R16a no rollback while paused": {
			func(s *model.State) { With(s.Stack, Paused(true)) }, "", v1alpha1.ReasonRolloutFailed,
		},
		"R12 new content takes precedence over the rollback": {
			func(s *model.State) { With(s.Stack, Image("my-app:3")) },
			"Create ControllerRevision shop-3: revision 3: the spec's content changed", "",
		},
		"R12 a rollback if new content is rejected": {
			func(s *model.State) {
				With(s.Stack, Image("my-app:3"))
				refuse(s)
			},
			back, v1alpha1.ReasonRolledBack,
		},
		"R12 a rollback if new content cannot be rendered": {
			func(s *model.State) { With(s.Stack, PodTemplate(`{"spec":{"nodeSelectr":{}}}`)) },
			back, v1alpha1.ReasonInvalidPodTemplate,
		},
		"R15 a rollback if toRevision does not exist": {
			func(s *model.State) { With(s.Stack, RollbackTo(9, 0)) }, back, v1alpha1.ReasonRevisionNotFound,
		},
		"R10 a rollback by hand takes precedence": {
			func(s *model.State) { With(s.Stack, RollbackTo(1, 0)) },
			"Update ControllerRevision shop-1: revision 1: rollback.toRevision is 1", "",
		},
		"R16a a restart takes precedence": {
			func(s *model.State) { With(s.Stack, RestartedAt(noon)) },
			"Create ControllerRevision shop-3: revision 3: restartedAt was set to 2026-01-01T12:00:00Z", "",
		},
		"R12 R26 a rollback if new content needs a name that is taken": {
			func(s *model.State) {
				With(s.Stack, Component("mailer", 1, nil))
				s.Children.Put(model.KindDeployment, &appsv1.Deployment{
					ObjectMeta: metav1.ObjectMeta{Name: "shop-mailer", Namespace: Namespace},
					Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "mailer"}}},
				})
			},
			back, v1alpha1.ReasonNameConflict,
		},
		"R14 no rollback if no revision was good": {
			func(s *model.State) { s.Revisions[0].Record.Rollouts[0].Empty = true }, "", v1alpha1.ReasonRolloutFailed,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			state := crashing().State()
			test.change(&state)
			got := planFor(state)
			if diff := cmp.Diff([]string{test.move, test.reason}, []string{moveOf(got), reasonOf(got)}); diff != "" {
				t.Errorf("rollout start and problem (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhatFailedIsKept checks that the failed revision is not pruned after its rollback: otherwise
// its content would count as new and be rolled out again.
func TestWhatFailedIsKept(t *testing.T) {
	world := after(Image("my-app:2"), Image("my-app:3"))
	world.Break("my-app:1", "crash")
	world.Apply(With(world.Stack().DeepCopy(), Image("my-app:1"), HistoryLimit(1)))
	world.Settle(patience)
	state := world.State()
	if revision.Find(state.Revisions, 1) == nil || len(state.Revisions) != 2 {
		t.Errorf("R8 R12 %d revisions are left, want the failed one and the one that runs", len(state.Revisions))
	}
	if got := planAt(world); moveOf(got) != "" || reasonOf(got) != v1alpha1.ReasonRolledBack {
		t.Errorf("R12 rollout start %q, problem %q, want none and RolledBack", moveOf(got), reasonOf(got))
	}
}

// TestARespelledRevisionIsNoOther checks that a spec that renders to an earlier revision is not
// recorded as another spelling of the running one while the rollback to it is rejected.
func TestARespelledRevisionIsNoOther(t *testing.T) {
	state := after(Image("my-app:2")).State()
	With(state.Stack, Image("my-app:1"), func(s *v1alpha1.AppStack) { s.Spec.Ports[0].Protocol = corev1.ProtocolTCP })
	want := []string{
		"Move: Update ControllerRevision shop-1: revision 1: the spec renders to the content of revision 1",
		"Update ControllerRevision shop-1: the spec renders to the content of revision 1",
	}
	if diff := cmp.Diff(want, stepsOf(state)); diff != "" {
		t.Errorf("R4 steps (-want +got):\n%s", diff)
	}
}

// TestAnAutomaticRollbackSaysWhatItLeaves checks that an automatic rollback records the revision
// that it rolls back from, and the rollout that it ends.
func TestAnAutomaticRollbackSaysWhatItLeaves(t *testing.T) {
	start := planFor(crashing().State()).Start
	if begun := start.Rollout(); begun.Trigger != v1alpha1.TriggerAutoRollback || begun.From != 2 || begun.Revision != 1 {
		t.Errorf("R12 it begins %+v, want an automatic rollback from 2 to 1", begun)
	}
	if start.Ended != nil {
		t.Errorf("R5 it ends %+v, which had failed before", start.Ended)
	}
}
