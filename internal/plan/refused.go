// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/model"
)

// basis is what decides, besides its content, whether the API server takes a
// rollout: how the spec has it run, whether the stack adopts, and which children
// there are. As long as it stays, the same is refused again. A stack that is deleted
// and made anew is another one.
func basis(state model.State, children []child) string {
	type there struct {
		Target model.Target
		UID    types.UID
	}
	var all []there
	for _, child := range children {
		if child.live != nil {
			all = append(all, there{child.step.Target(), child.live.GetUID()})
		}
	}
	return model.Hash([]any{state.Stack.UID, state.Stack.Generation, state.Stack.Annotations, all})
}

// unlessRefused is the decision without a move that the API server has refused a
// moment ago: that is due again later. Until it is accepted, or the spec asks for
// something else, the refusal is what is wrong, whatever becomes of a single try (R19).
func (d decision) unlessRefused(state model.State, now time.Time) decision {
	if d.move == nil {
		return d
	}
	refusal, refused := state.Refusal(*d.move)
	if !refused {
		return d
	}
	d.problem = &refusal.Problem
	if wait := refusal.Wait(*d.move, now); wait > 0 {
		d.move, d.wait = nil, model.Sooner(d.wait, wait)
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
		refusal, refused := state.Refusal(step)
		if refused && problem == nil {
			problem = &refusal.Problem
		}
		if refused && (!judged || !step.Kind.Content()) {
			if left := refusal.Wait(step, now); left > 0 {
				wait = model.Sooner(wait, left)
				continue
			}
		}
		due = append(due, step)
	}
	return due, problem, wait
}
