// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package plan decides what is to be done about a stack: from what was
// observed to a list of steps, each with its reason. It is pure: planning the
// same state twice gives the same plan, and planning what a plan led to gives
// no more steps.
package plan

import (
	"cmp"
	"time"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
)

// Planner makes plans.
type Planner struct {
	// Defaults are those that new revisions are rendered with.
	Defaults render.Defaults
}

// Make plans what is to be done about the state at the time now.
func (p Planner) Make(state model.State, now time.Time) model.Plan {
	plan := model.Plan{Rollout: newest(state.Revisions), Problem: state.Damaged}
	if state.Predecessor != "" || state.Damaged != nil {
		return plan
	}
	current := running(state, plan.Rollout)
	decision := p.decide(state, current, now)
	plan.Move, plan.Problem, plan.Held = decision.move, decision.problem, decision.held
	if current == nil {
		return plan
	}
	plan.Components = components(state, *current, state.Revisions)
	children := children(state, plan.Components, *plan.Rollout)
	conflict, free := conflict(state.Stack, children)
	plan.Problem = cmp.Or(plan.Problem, conflict)
	writes, wait := writes(state, free, *plan.Rollout, now)
	plan.Wait = wait
	records := newRecords(state.Revisions)
	if len(writes) == 0 && wait == 0 && conflict == nil {
		records.judge(*plan.Rollout, state, plan.Components, now)
	}
	records.alias(current.Number, decision.alias)
	records.takeBack()
	records.operate(current.Number, plan.Components)

	plan.Steps = append(plan.Steps, records.steps()...)
	plan.Steps = append(plan.Steps, writes...)
	plan.Steps = append(plan.Steps, removals(state, children)...)
	plan.Steps = append(plan.Steps, prunings(state.Stack.Spec, state.Revisions, current.Number)...)
	return plan
}

func newest(revisions []model.Revision) *model.Rollout {
	timeline := revision.Timeline(revisions)
	if len(timeline) == 0 {
		return nil
	}
	return &timeline[0]
}
