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
	timeline := revision.Timeline(state.Revisions)
	plan := model.Plan{Rollout: newest(timeline), Problem: state.Damaged}
	if state.Predecessor != "" || state.Damaged != nil {
		return plan
	}
	current := running(state, plan.Rollout)
	decision := p.decide(state, current, timeline, now).unlessRefused(state, now)
	plan.Move, plan.Problem, plan.Held = decision.move, decision.problem, decision.held
	plan.LooksUp, plan.Wait = decision.looksUp, decision.wait
	if current == nil {
		return plan
	}
	plan.Components = components(state, *current, state.Revisions, now)
	children := children(state, plan.Components, *plan.Rollout)
	admit(state, children)
	conflict, free := conflict(state.Stack, children)
	if conflict != nil {
		plan.Wait = model.Sooner(plan.Wait, recheck)
	}
	contest, over := contest(state, free, now)
	plan.Problem = cmp.Or(plan.Problem, conflict, contest)
	writes, wait := writes(state, free, *plan.Rollout, now)
	plan.Wait = model.Sooner(plan.Wait, model.Sooner(wait, over))
	records := newRecords(state.Revisions)
	judged := pass{state: state, rollout: *plan.Rollout, components: plan.Components, writes: writes, now: now}
	if !state.Stopped() {
		verdict := judged.verdict()
		plan.Waits, plan.Wait = verdict.Waits, model.Sooner(plan.Wait, verdict.Again)
		verdict.Complete = verdict.Complete && !outstanding(state, children, *plan.Rollout)
		records.judge(judged, verdict)
	}
	if decision.declared {
		records.declare(*plan.Rollout, state.Stack.Spec)
	}
	records.alias(decision.alias)
	records.takeBack()
	records.operate(current.Number, plan.Components)

	plan.Steps = append(plan.Steps, records.steps()...)
	plan.Steps = append(plan.Steps, writes...)
	plan.Steps = append(plan.Steps, removals(state, children)...)
	plan.Steps = append(plan.Steps, prunings(state.Stack.Spec, state.Revisions, current.Number)...)
	var refused *model.Problem
	plan.Steps, refused, wait = dueSteps(state, plan.Steps, *plan.Rollout, now)
	plan.Problem, plan.Wait = cmp.Or(plan.Problem, refused), model.Sooner(plan.Wait, wait)
	return plan
}

// newest is the rollout that is under way, or was the last; nil before the first.
func newest(timeline []model.Rollout) *model.Rollout {
	if len(timeline) == 0 {
		return nil
	}
	return &timeline[0]
}
