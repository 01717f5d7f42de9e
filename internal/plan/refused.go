// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
)

// basis is what decides, besides its content, whether the API server takes a
// rollout: how the spec has it run, whether the stack adopts, and which children
// there are. As long as it stays, the same is refused again. A stack that is deleted
// and made anew is another one.
func basis(state model.State, children []*kinds.Child) string {
	type there struct {
		Target model.Target
		UID    types.UID
	}
	var all []there
	for _, child := range children {
		if child.Live != nil {
			all = append(all, there{child.Write.Target(), child.Live.GetUID()})
		}
	}
	return model.Hash([]any{state.Stack.UID, state.Stack.Generation, state.Stack.Annotations, all})
}

// unlessRefused is the decision without a start that the API server has refused a
// moment ago: that is due again later. Until it is accepted, or the spec asks for
// something else, the refusal is what is wrong, whatever becomes of a single try (R19).
func (d decision) unlessRefused(state model.State, now time.Time) decision {
	if d.start == nil {
		return d
	}
	refusal, refused := state.Rejection(*d.start)
	if !refused {
		return d
	}
	d.problem = &refusal.Problem
	if wait := refusal.Wait(*d.start, now); wait > 0 {
		d.start, d.wait = nil, model.Sooner(d.wait, wait)
	}
	return d
}

// dueSteps are the steps without those that the API server has refused a
// moment ago, with what it has against them, and the time until one is due again.
// What a rollout consists of is asked for all the same, until that is judged: it
// may be about to be taken (R17).
func dueSteps(
	state model.State, steps []model.Step, rollout model.Rollout, now time.Time,
) (due []model.Step, problem *model.Problem, wait time.Duration) {
	judged := rollout.Open() && !rollout.Failed()
	for _, step := range steps {
		refusal, refused := state.Rejection(step)
		if refused && problem == nil {
			problem = &refusal.Problem
		}
		if refused && (!judged || !kinds.Of(step.Target().Kind).Content) {
			if left := refusal.Wait(step, now); left > 0 {
				wait = model.Sooner(wait, left)
				continue
			}
		}
		due = append(due, step)
	}
	return due, problem, wait
}
