// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"slices"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// Transitions are the phases that can follow on each phase of a rollout. The first phase
// of a rollout follows on none.
var Transitions = map[model.Phase][]model.Phase{
	"":                     {model.PhaseStarting, model.PhaseProgressing},
	model.PhaseStarting:    {model.PhaseProgressing, model.PhasePaused, model.PhaseFailed, model.PhaseSucceeded},
	model.PhaseProgressing: {model.PhasePaused, model.PhaseFailed, model.PhaseSucceeded},
	model.PhasePaused:      {model.PhaseStarting, model.PhaseProgressing, model.PhaseFailed},
	model.PhaseFailed:      {model.PhasePaused, model.PhaseSucceeded},
}

// slack is how late the Deployments of a rollout may be written without that it gets more
// time: every rollout writes them a moment after it began.
const slack = 10 * time.Second

// phaseOf is the phase that the pass finds the rollout in: by what is recorded of it, and
// by whether its Deployments are written.
func (p pass) phaseOf() model.Phase {
	switch {
	case p.rollout.Outcome == v1alpha1.OutcomeSucceeded:
		return model.PhaseSucceeded
	case !p.rollout.Open():
		return model.PhaseEnded
	case p.state.Stopped():
		return model.PhasePaused
	case p.rollout.Failed():
		return model.PhaseFailed
	case !p.state.Sight.Of(p.rollout).Started && slices.ContainsFunc(p.components, p.unwritten):
		return model.PhaseStarting
	default:
		return model.PhaseProgressing
	}
}

// unwritten says whether the component's Deployment has not been written for the rollout,
// or is still paused after a pause (R16a). One that somebody has put back was written.
func (p pass) unwritten(component model.Desired) bool {
	if component.Retiring {
		return false
	}
	for _, step := range p.due(component) {
		form, ok := step.Form.(model.Replaced)
		if !ok {
			continue
		}
		live := p.state.Children.Deployment(step.Name)
		if live != nil && p.state.LastWrites[live.UID].Asked == step.Hash {
			continue
		}
		if live == nil || !atRevision(live.Annotations, component) || live.Spec.Paused && !form.Deployment.Spec.Paused {
			return true
		}
	}
	return false
}

// late says whether the Deployments of a rollout that is starting could not be written in
// time, because it was paused or the operator was away: its deadline runs from now (R16a).
func (p pass) late() bool {
	return p.phase == model.PhaseStarting && p.sinceRecorded(p.rollout.DeadlineFrom()) > slack
}
