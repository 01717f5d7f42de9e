// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import "time"

// Observations is what the operator itself has observed of the open rollout. Recorded times come from
// the clocks of others, any of which may be set anew at any moment; so whatever lasts while the
// operator watches is measured instead. It is not persisted: another operator starts with the
// recorded times.
type Observations struct {
	// Sequence is the sequence of the rollout, and From the time from which its deadline runs.
	Sequence int64
	From     time.Time
	// Began is when the operator first saw the rollout open; zero if it has not seen it yet.
	Began time.Time
	// For is the measured time since Began, whatever the clock was set to meanwhile.
	For time.Duration
	// Started says that the rollout's Deployments were seen to have been written.
	Started bool
	// Progress is the time since a Deployment last made progress, by name. Deployments without
	// progress since Began are left out.
	Progress map[string]time.Duration
	// Refused is how long a Deployment has lacked pods because the API server rejects them, by
	// name.
	Refused map[string]time.Duration
}

// Of returns the observations of the rollout. They are empty if those at hand are of another
// rollout, or of the time before the rollout resumed.
func (o Observations) Of(rollout Rollout) Observations {
	if o.Sequence != rollout.Sequence || !o.From.Equal(rollout.DeadlineFrom()) {
		return Observations{}
	}
	return o
}

// Since returns the time that has passed since a recorded time. The time since Began is
// measured; a recorded time after Began counts as Began.
func (o Observations) Since(recorded, now time.Time) time.Duration {
	if o.Began.IsZero() {
		return now.Sub(recorded)
	}
	return max(0, o.Began.Sub(recorded)) + o.For
}
