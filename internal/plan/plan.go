// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package plan computes the steps that bring a stack from its observed state to its spec, each
// with its reason. It is pure and idempotent: the same state gives the same plan, and when a
// plan's steps have been carried out, no further steps are needed.
package plan

import (
	"cmp"
	"time"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
)

// Planner computes plans.
type Planner struct {
	// Defaults are applied when new revisions are rendered.
	Defaults render.Defaults
}

// Plan computes the plan for the state at the time now. If the plan asks questions, Plan calls
// answer, stores the answers in the state, and plans again.
func (p Planner) Plan(state *model.State, now time.Time, answer func(model.Questions) model.Answers) model.Plan {
	plan := p.Make(*state, now)
	if plan.Asks.None() && state.Answers.Release != "" {
		return plan // based on the answers already
	}
	state.Answers = answer(plan.Asks) // an empty set of questions cancels earlier ones
	if plan.Asks.None() {
		return plan
	}
	if state.Config.Note(state.Answers) { // ConfigMaps have just changed again
		if plan = p.Make(*state, now); !plan.Asks.None() {
			state.Answers = answer(plan.Asks)
		}
	}
	return p.Make(*state, now)
}

// Make computes the plan for the state at the time now, or the questions that have to be
// answered before it can.
func (p Planner) Make(state model.State, now time.Time) model.Plan {
	timeline := revision.Timeline(state.Revisions)
	plan := model.Plan{Rollout: newest(timeline), Problem: state.Damaged}
	if state.Predecessor != "" || state.Damaged != nil {
		return plan
	}
	current := running(state, plan.Rollout)
	decision := p.decide(state, current, timeline, now).unlessRefused(state, now)
	if plan.Asks = decision.asks; !plan.Asks.None() {
		return plan
	}
	plan.Start, plan.Problem, plan.Held = decision.start, decision.problem, decision.held
	plan.LooksUp, plan.Gathers, plan.Brief, plan.Wait = decision.looksUp, decision.gathers, decision.brief, decision.wait
	if current == nil {
		return plan
	}
	maintained, asks, lost := recreated(state, *current)
	if !asks.None() && state.Answers.Release == "" {
		plan.Asks = asks
		return plan
	}
	plan.Problem = cmp.Or(plan.Problem, lost)
	if state.Config != nil && state.Config.Unread || state.Secrets != nil && state.Secrets.Unread {
		plan.Wait = model.Sooner(plan.Wait, quiet)
	}
	plan.Components = components(state, *current, state.Revisions, now)
	children := childrenOf(state, plan.Components, *plan.Rollout)
	admit(state, children)
	conflict, free := conflicts(state.Stack, children)
	if conflict != nil {
		plan.Wait = model.Sooner(plan.Wait, recheck)
	}
	contested, over := contest(state, free, now)
	plan.Problem = cmp.Or(plan.Problem, conflict, contested)
	due, wait := writes(state, free, *plan.Rollout, now)
	plan.Wait = model.Sooner(plan.Wait, model.Sooner(wait, over))
	records := newRecords(state.Revisions)
	judged := situation{state: state, rollout: *plan.Rollout, components: plan.Components, writes: due, now: now}
	judged.phase = judged.phaseOf()
	plan.Phase = judged.phase
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
	records.adopt()
	records.operate(current.Number, plan.Components)
	records.baseline(*current, state.Config)
	records.secrets(*current, state)

	steps := asSteps(records.steps())
	steps = append(steps, asSteps(maintained)...)
	steps = append(steps, asSteps(orphanedCopies(state))...)
	steps = append(steps, asSteps(due)...)
	steps = append(steps, asSteps(removals(state, children))...)
	steps = append(steps, asSteps(prunings(state.Stack.Spec, state.Revisions, current.Number))...)
	unused, wait := unusedCopies(state, now)
	steps, plan.Wait = append(steps, asSteps(unused)...), model.Sooner(plan.Wait, wait)
	var refused *model.Problem
	plan.Steps, refused, wait = dueSteps(state, steps, *plan.Rollout, now)
	plan.Problem, plan.Wait = cmp.Or(plan.Problem, refused), model.Sooner(plan.Wait, wait)
	return plan
}

func asSteps[S model.Step](some []S) []model.Step {
	all := make([]model.Step, len(some))
	for i, step := range some {
		all[i] = step
	}
	return all
}

// newest returns the rollout that is under way, or else the last one; nil before the first.
func newest(timeline []model.Rollout) *model.Rollout {
	if len(timeline) == 0 {
		return nil
	}
	return &timeline[0]
}
