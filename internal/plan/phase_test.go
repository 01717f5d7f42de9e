// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/sim"
)

// TestPhases checks the phase of a rollout.
func TestPhases(t *testing.T) {
	unready := func(world *sim.World) {
		world.Apply(With(world.Stack().DeepCopy(), Image("my-app:unready")))
	}
	tests := map[string]struct {
		play func(*sim.World)
		edit func(*model.State)
		want model.Phase
	}{
		"R5 the rollout is recorded": {
			func(world *sim.World) { unready(world); world.OperateAndDie(1) }, nil, model.PhaseStarting,
		},
		"R5 its Deployment is written": {
			func(world *sim.World) { unready(world); world.Wait(5) }, nil, model.PhaseProgressing,
		},
		"R17 its Deployment is deleted": {
			func(world *sim.World) { unready(world); world.Wait(5) },
			func(s *model.State) { s.Children.Remove(model.KindDeployment, "shop") }, model.PhaseProgressing,
		},
		"R17 its Deployment is deleted, and the leader has changed": {
			func(world *sim.World) { unready(world); world.Wait(5) },
			func(s *model.State) {
				s.Children.Remove(model.KindDeployment, "shop")
				s.Observations = model.Observations{}
			}, model.PhaseStarting,
		},
		"R28 someone else reverts its Deployment": {
			func(world *sim.World) { unready(world); world.Wait(5) },
			func(s *model.State) {
				live := s.Children.Deployment("shop")
				last := s.LastWrites[live.UID]
				last.Answered = "another"
				s.LastWrites[live.UID] = last
				live.Annotations["apps.appstack.dev/revision"], live.Spec.Template.Spec.Containers[0].Image = "1", "my-app:1"
				s.Observations = model.Observations{}
			}, model.PhaseProgressing,
		},
		"R16a the stack is paused": {
			func(world *sim.World) { unready(world); world.Wait(5) },
			func(s *model.State) { With(s.Stack, Paused(true)) }, model.PhasePaused,
		},
		"R16a the pause has ended": {
			func(world *sim.World) {
				unready(world)
				world.Wait(5)
				world.Apply(With(world.Stack().DeepCopy(), Paused(true)))
				world.Wait(5)
			},
			func(s *model.State) { With(s.Stack, Paused(false)) }, model.PhaseStarting,
		},
		"R14 the rollout has failed": {
			func(world *sim.World) {
				world.Apply(With(world.Stack().DeepCopy(), Image("my-app:crash"), OnFailure(v1alpha1.FailurePolicyHold)))
				world.Wait(120)
			}, nil, model.PhaseFailed,
		},
		"R6 the rollout has succeeded": {func(*sim.World) {}, nil, model.PhaseSucceeded},
		"R5 the record of the next rollout is gone": {
			func(world *sim.World) { unready(world); world.Wait(5) },
			func(s *model.State) {
				s.Revisions = s.Revisions[:1]
				s.Revisions[0].Record.Rollouts[0].Outcome = v1alpha1.OutcomeSuperseded
				s.Children.Deployment("shop").Annotations["apps.appstack.dev/revision"] = "1"
			}, model.PhaseEnded,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			world := after()
			test.play(world)
			state := world.State()
			state.Observations = world.Observations()
			if test.edit != nil {
				test.edit(&state)
			}
			if got := Plan(state, world.Now()).Phase; got != test.want {
				t.Errorf("phase %q, want %q", got, test.want)
			}
		})
	}
}

// TestADeletedDeploymentGivesNoMoreTime checks that deleting a Deployment does not extend its
// rollout's deadline.
func TestADeletedDeploymentGivesNoMoreTime(t *testing.T) {
	world := after()
	world.Apply(With(world.Stack().DeepCopy(), Image("my-app:unready")))
	world.Wait(60)
	world.Delete(model.KindDeployment, "shop")
	world.Wait(5)
	if open := revision.Timeline(world.State().Revisions)[0]; !open.Open() || open.ResumedAt != nil {
		t.Errorf("R17 the rollout is %+v, want one whose deadline runs from its start:\n%s", open, world.Transcript())
	}
}

// TestTransitionsAreDocumented compares the table of transitions with the documentation.
func TestTransitionsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Phases of a rollout\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var documented, want []string
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !strings.Contains(cells[2], "`") {
			continue
		}
		documented = append(documented, fmt.Sprintf("%s to %s", strings.Trim(cells[1], " `"), strings.Trim(cells[2], " `")))
	}
	for _, from := range slices.Sorted(maps.Keys(plan.Transitions)) {
		for _, to := range plan.Transitions[from] {
			want = append(want, fmt.Sprintf("%s to %s", from, to))
		}
	}
	slices.Sort(documented)
	slices.Sort(want)
	if diff := cmp.Diff(want, documented); diff != "" {
		t.Errorf("transitions in docs/architecture.md (-want +got):\n%s", diff)
	}
}
