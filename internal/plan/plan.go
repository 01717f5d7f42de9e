// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package plan decides what is to be done about a stack: from what was
// observed to a list of steps, each with its reason. It is pure: planning the
// same state twice gives the same plan, and planning what a plan led to gives
// no more steps.
package plan

import (
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
	"github.com/appstack-dev/appstack/internal/rollout"
)

// Planner makes plans.
type Planner struct {
	// Defaults are those that new revisions are rendered with.
	Defaults render.Defaults
}

// Make plans what is to be done about the state at the time now.
func (p Planner) Make(state model.State, now time.Time) model.Plan {
	plan := model.Plan{Rollout: newest(state.Revisions)}
	if state.Predecessor != "" {
		return plan
	}
	move := p.move(state, plan.Rollout, now)
	plan.Problem, plan.Held = move.problem, move.held
	records := newRecords(state.Revisions)
	if move.record != nil {
		plan.Steps = []model.Step{*move.record}
	}
	if move.target == nil {
		return plan
	}
	if move.begin != nil {
		records.begin(*move.target, *move.begin)
		plan.Rollout = newest(records.revisions())
	}
	plan.Components = components(state.Stack, *move.target, records.revisions())
	if move.record != nil {
		return plan // first the revision, then its pods
	}
	children := children(state, plan.Components)
	if conflict := conflict(state.Stack, children); conflict != nil {
		plan.Problem, plan.Rollout = conflict, newest(state.Revisions) // none begins
		return plan
	}
	writes := writes(state, children, *plan.Rollout)
	if move.begin == nil && len(writes) == 0 {
		records.end(*plan.Rollout, state, plan.Components, now)
	}
	records.alias(move.target.Number, move.source)
	records.takeBack()
	records.operate(move.target.Number, plan.Components)

	plan.Steps = append(plan.Steps, records.steps()...)
	plan.Steps = append(plan.Steps, writes...)
	plan.Steps = append(plan.Steps, removals(state, children)...)
	plan.Steps = append(plan.Steps, prunings(state.Stack.Spec, records.revisions(), move.target.Number)...)
	return plan
}

func newest(revisions []model.Revision) *model.Rollout {
	timeline := revision.Timeline(revisions)
	if len(timeline) == 0 {
		return nil
	}
	return &timeline[0]
}

// components are those that are to run: the target's, and, until its rollout
// has succeeded, those that it drops (R9).
func components(stack *v1alpha1.AppStack, target model.Revision, revisions []model.Revision) []model.Desired {
	operations := render.Operations(stack.Spec)
	operation := func(rev model.Revision, component string) model.Operation {
		if operation, ok := operations[component]; ok {
			return operation
		}
		return rev.Record.Operations[component]
	}
	serving := revision.Serving(revision.Timeline(revisions), target.Number)
	var desired []model.Desired
	position := map[string]int{}
	for _, component := range target.Content.Components {
		position[component.Name] = len(desired)
		desired = append(desired, model.Desired{
			Component: component,
			Operation: operation(target, component.Name),
			Revision:  target.Number,
			Joining:   len(serving) > 0,
		})
	}
	for _, number := range serving {
		earlier := revision.Find(revisions, number)
		for _, component := range earlier.Content.Components {
			if i, ok := position[component.Name]; ok {
				desired[i].Service = render.WithPortsOf(desired[i].Service, component.Service)
				desired[i].Joining = false
				continue
			}
			position[component.Name] = len(desired)
			desired = append(desired, model.Desired{
				Component: component,
				Operation: operation(*earlier, component.Name),
				Revision:  number,
				Retiring:  true,
			})
		}
	}
	return desired
}

// complete says whether every component of the target runs as it should.
func complete(state model.State, desired []model.Desired) bool {
	for _, component := range desired {
		if component.Retiring {
			continue
		}
		deployment := state.Deployments[naming.Object(state.Stack.Name, component.Name)]
		if deployment == nil || !rollout.Of(deployment).Complete {
			return false
		}
	}
	return true
}
