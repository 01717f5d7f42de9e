// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
)

// basis hashes everything but the content that affects whether the API server accepts a rollout:
// the stack's UID, generation and annotations, and the existing children. With the same basis,
// the same content is rejected again. A stack that is deleted and recreated has another basis.
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

// unlessRefused drops the decision's start while it is in backoff after a rejection by the API
// server. The rejection stays the reported problem until the start is accepted or the spec asks
// for something else, even if a retry fails for another reason (R19).
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

// dueSteps returns the steps that are not in backoff after a rejection, the first rejection as the
// problem, and the time until the next step is due. While a rollout is being judged, its
// Deployments and Services are written regardless of the backoff, because the API server may soon
// accept them (R17).
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
