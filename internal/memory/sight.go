// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package memory

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/clock"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/rollout"
)

// Sight is the observed progress of the stack's open rollout. A timestamp that others wrote
// counts as news when it changes, and the time since then is measured by the operator's clock.
// So neither clock skew nor a clock that is set anew makes a rollout older than it is. The zero
// value is ready to use.
type Sight struct{ seen *sight }

// sight is the observed progress of a rollout.
type sight struct {
	model.Sight
	// noted is the last progress that the Deployment controller has reported, by Deployment.
	noted map[string]note
	// refused is the time at which a Deployment's pods were first seen to be rejected, by
	// Deployment.
	refused map[string]time.Time
}

// note is the time of progress that the Deployment controller reported, and when the operator
// saw it; seen is zero if it was there when the operator first saw the rollout.
type note struct{ noted, seen time.Time }

// Look updates the observations from the Deployments and returns those of the open rollout.
func (s *Sight) Look(open model.Rollout, deployments map[string]*appsv1.Deployment, clock clock.PassiveClock) model.Sight {
	now := clock.Now()
	if s.seen == nil || s.seen.Of(open).Began.IsZero() {
		s.seen = &sight{
			Sight: model.Sight{Sequence: open.Sequence, From: open.DeadlineFrom(), Began: now},
			noted: map[string]note{}, refused: map[string]time.Time{},
		}
		for name, deployment := range deployments {
			s.seen.noted[name] = note{noted: progressed(deployment)}
		}
	}
	for name, deployment := range deployments {
		s.seen.look(name, deployment, now)
	}
	return s.seen.measured(clock)
}

// Start records that the rollout's Deployments have been written.
func (s *Sight) Start() {
	if s.seen != nil {
		s.seen.Started = true
	}
}

// Forget drops the observations.
func (s *Sight) Forget() { s.seen = nil }

// look records what is new in a Deployment.
func (s *sight) look(name string, deployment *appsv1.Deployment, now time.Time) {
	if at := progressed(deployment); !at.IsZero() && !at.Equal(s.noted[name].noted) {
		s.noted[name] = note{noted: at, seen: now}
	}
	if !rollout.Refused(deployment) {
		delete(s.refused, name)
	} else if s.refused[name].IsZero() {
		s.refused[name] = now
	}
}

// progressed returns the time of the last progress that the Deployment controller has reported;
// zero if it has reported none.
func progressed(deployment *appsv1.Deployment) time.Time {
	if noted := rollout.Progressed(deployment); noted != nil {
		return noted.LastUpdateTime.Time
	}
	return time.Time{}
}

// measured returns the observations with their ages by the clock.
func (s *sight) measured(clock clock.PassiveClock) model.Sight {
	seen := s.Sight
	seen.For = clock.Since(seen.Began)
	seen.Progress, seen.Refused = map[string]time.Duration{}, map[string]time.Duration{}
	for name, note := range s.noted {
		if !note.seen.IsZero() {
			seen.Progress[name] = clock.Since(note.seen)
		}
	}
	for name, since := range s.refused {
		seen.Refused[name] = clock.Since(since)
	}
	return seen
}
