// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"slices"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// Transitions lists the phases that may follow each phase of a rollout. The first phase of a
// rollout follows the empty one.
var Transitions = map[model.Phase][]model.Phase{
	"":                     {model.PhaseStarting, model.PhaseProgressing},
	model.PhaseStarting:    {model.PhaseProgressing, model.PhasePaused, model.PhaseFailed, model.PhaseSucceeded},
	model.PhaseProgressing: {model.PhasePaused, model.PhaseFailed, model.PhaseSucceeded},
	model.PhasePaused:      {model.PhaseStarting, model.PhaseProgressing, model.PhaseFailed},
	model.PhaseFailed:      {model.PhasePaused, model.PhaseSucceeded},
}

// slack is how late a rollout's Deployments may be written without extending its deadline: every
// rollout writes them a moment after it starts.
const slack = 10 * time.Second

// phaseOf derives the rollout's phase from its record and from whether its Deployments have
// been written.
func (s situation) phaseOf() model.Phase {
	switch {
	case s.rollout.Outcome == v1alpha1.OutcomeSucceeded:
		return model.PhaseSucceeded
	case !s.rollout.Open():
		return model.PhaseEnded
	case s.state.Stopped():
		return model.PhasePaused
	case s.rollout.Failed():
		return model.PhaseFailed
	case !s.state.Observations.Of(s.rollout).Started && slices.ContainsFunc(s.components, s.unwritten):
		return model.PhaseStarting
	default:
		return model.PhaseProgressing
	}
}

// unwritten reports whether the component's Deployment has not been written for the rollout
// yet, or is still paused after a pause (R16a). A Deployment whose write somebody else has
// reverted counts as written.
func (s situation) unwritten(component model.Desired) bool {
	if component.Retiring {
		return false
	}
	for _, step := range s.due(component) {
		form, ok := step.Form.(model.Replaced)
		if !ok {
			continue
		}
		live := s.state.Children.Deployment(step.Name)
		if live != nil && s.state.LastWrites[live.UID].Asked == step.Hash {
			continue
		}
		if live == nil || !atRevision(live.Annotations, component) || live.Spec.Paused && !form.Deployment.Spec.Paused {
			return true
		}
	}
	return false
}

// late reports whether the Deployments of a starting rollout could not be written in time
// because the stack was paused or the operator was down. Its progress deadline then starts anew
// (R16a).
func (s situation) late() bool {
	return s.phase == model.PhaseStarting && s.sinceRecorded(s.rollout.DeadlineFrom()) > slack
}
