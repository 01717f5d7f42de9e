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

// Observations is the observed progress of the stack's open rollout. A timestamp that others wrote
// counts as news when it changes, and the time since then is measured by the operator's clock.
// So neither clock skew nor a clock that is set anew makes a rollout older than it is. The zero
// value is ready to use.
type Observations struct{ seen *observations }

// observations is the observed progress of a rollout.
type observations struct {
	model.Observations
	// noted is the last progress that the Deployment controller has reported, by Deployment.
	noted map[string]note
	// refused is the time at which a Deployment's pods were first seen to be rejected, by
	// Deployment.
	refused map[string]time.Time
}

// note is the time of progress that the Deployment controller reported, and when the operator
// saw it; seen is zero if it was there when the operator first saw the rollout.
type note struct{ noted, seen time.Time }

// Observe updates the observations from the Deployments and returns those of the open rollout.
func (o *Observations) Observe(open model.Rollout, deployments map[string]*appsv1.Deployment, clock clock.PassiveClock) model.Observations {
	now := clock.Now()
	if o.seen == nil || o.seen.Of(open).Began.IsZero() {
		o.seen = &observations{
			Observations: model.Observations{Sequence: open.Sequence, From: open.DeadlineFrom(), Began: now},
			noted:        map[string]note{}, refused: map[string]time.Time{},
		}
		for name, deployment := range deployments {
			o.seen.noted[name] = note{noted: progressed(deployment)}
		}
	}
	for name, deployment := range deployments {
		o.seen.observe(name, deployment, now)
	}
	return o.seen.measured(clock)
}

// Start records that the rollout's Deployments have been written.
func (o *Observations) Start() {
	if o.seen != nil {
		o.seen.Started = true
	}
}

// Forget drops the observations.
func (o *Observations) Forget() { o.seen = nil }

// observe records what is new in a Deployment.
func (o *observations) observe(name string, deployment *appsv1.Deployment, now time.Time) {
	if at := progressed(deployment); !at.IsZero() && !at.Equal(o.noted[name].noted) {
		o.noted[name] = note{noted: at, seen: now}
	}
	if !rollout.Refused(deployment) {
		delete(o.refused, name)
	} else if o.refused[name].IsZero() {
		o.refused[name] = now
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
func (o *observations) measured(clock clock.PassiveClock) model.Observations {
	seen := o.Observations
	seen.For = clock.Since(seen.Began)
	seen.Progress, seen.Refused = map[string]time.Duration{}, map[string]time.Duration{}
	for name, note := range o.noted {
		if !note.seen.IsZero() {
			seen.Progress[name] = clock.Since(note.seen)
		}
	}
	for name, since := range o.refused {
		seen.Refused[name] = clock.Since(since)
	}
	return seen
}
