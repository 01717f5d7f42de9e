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

// Sight is what was seen of the stack's open rollout. What others noted is taken for news when it changes, not by
// the time that they gave it, and what has lasted since is measured: so neither clocks that differ nor one that is
// set anew make a rollout older than it is. The zero value is ready to use.
type Sight struct{ seen *sight }

// sight is what was seen of a rollout.
type sight struct {
	model.Sight
	// noted is by Deployment when its controller said that it last saw progress, and when that was seen.
	noted map[string]note
	// refused is by Deployment since when its pods are seen to be refused.
	refused map[string]time.Time
}

// note is what a Deployment's controller noted; seen is zero where it was there from the first.
type note struct{ noted, seen time.Time }

// Look is what has been seen of the open rollout, with the Deployments as they are now.
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

// Start notes that the rollout has its Deployments written.
func (s *Sight) Start() {
	if s.seen != nil {
		s.seen.Started = true
	}
}

// Forget ends what is remembered of a rollout.
func (s *Sight) Forget() { s.seen = nil }

// look notes what is new of a Deployment.
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

// progressed is when the Deployment's controller says that it last saw progress; zero where it does not say.
func progressed(deployment *appsv1.Deployment) time.Time {
	if noted := rollout.Progressed(deployment); noted != nil {
		return noted.LastUpdateTime.Time
	}
	return time.Time{}
}

// measured is what was seen, as the clock measures it.
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
