// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// events returns the events of the plan's steps.
func events(plan model.Plan) []string {
	var all []string
	for _, step := range plan.Steps {
		if event := step.About().Event; event != "" {
			all = append(all, event)
		}
	}
	return all
}

// TestSightIsOfOneRollout checks that the time for which the operator observed a rollout counts
// neither for the rollout that follows in the same reconcile, nor for the same one after it
// resumes.
func TestSightIsOfOneRollout(t *testing.T) {
	world := after()
	world.Apply(With(world.Stack().DeepCopy(), Image("my-app:unready")))
	world.Wait(5)
	open := revision.Timeline(world.State().Revisions)[0]
	seen := model.Observations{Sequence: open.Sequence, From: open.StartedAt, Began: world.Now().Add(-time.Hour), For: time.Hour}
	another := seen
	another.Sequence--
	tests := map[string]struct {
		observations model.Observations
		edit         func(*model.State)
		fails        bool
	}{
		"R17 this rollout was observed for an hour":         {seen, nil, true},
		"R17 the previous rollout was observed for an hour": {another, nil, false},
		"R16a the Deployment was not written for an hour": {
			seen, func(state *model.State) { state.Children.Remove(model.KindDeployment, "shop") }, false,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			state := world.State()
			state.Observations = test.observations
			if test.edit != nil {
				test.edit(&state)
			}
			plan := Plan(state, world.Now())
			if fails := slices.Contains(events(plan), v1alpha1.EventRolloutFailed); fails != test.fails {
				t.Errorf("fails: %t, want %t; steps %v", fails, test.fails, plan.Steps)
			}
		})
	}
}

// TestRefusalsOfThisRollout checks that a rejection counts only for the rollout in which it
// happened, even if the clock was set meanwhile.
func TestRefusalsOfThisRollout(t *testing.T) {
	world := after()
	world.Apply(With(world.Stack().DeepCopy(), Image("my-app:2")))
	world.OperateAndDie(1) // the revision is created, but no child is written
	open := revision.Timeline(world.State().Revisions)[0]
	began := open.StartedAt
	due := Plan(world.State(), began).Steps[0]
	seen := model.Observations{Sequence: open.Sequence, From: began, Began: began, For: 10 * time.Second}
	tests := map[string]struct {
		observations model.Observations
		now          time.Duration
		refused      time.Duration // how long before now
		rejected     bool
	}{
		"R17 rejected during the rollout":                                 {model.Observations{}, 10 * time.Second, 5 * time.Second, true},
		"R17 rejected before the rollout":                                 {model.Observations{}, 10 * time.Second, 15 * time.Second, false},
		"R17 rejected during the rollout, and the clock is an hour back":  {seen, 10*time.Second - time.Hour, 5 * time.Second, true},
		"R17 rejected before the rollout, and the clock is an hour ahead": {seen, 10*time.Second + time.Hour, 15 * time.Second, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			state, now := world.State(), began.Add(test.now)
			state.Observations = test.observations
			state.Rejected = map[model.Target]model.Rejection{due.Target(): {Asked: due.Asked(), Message: "denied", At: now.Add(-test.refused)}}
			if rejected := slices.Contains(events(Plan(state, now)), v1alpha1.EventRolloutFailed); rejected != test.rejected {
				t.Errorf("rejected: %t, want %t", rejected, test.rejected)
			}
		})
	}
}
