// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import "time"

// Sight is what the operator itself has observed of the open rollout. Recorded times come from
// the clocks of others, any of which may be set anew at any moment; so whatever lasts while the
// operator watches is measured instead. It is not persisted: another operator starts with the
// recorded times.
type Sight struct {
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
func (s Sight) Of(rollout Rollout) Sight {
	if s.Sequence != rollout.Sequence || !s.From.Equal(rollout.DeadlineFrom()) {
		return Sight{}
	}
	return s
}

// Since returns the time that has passed since a recorded time. The time since Began is
// measured; a recorded time after Began counts as Began.
func (s Sight) Since(recorded, now time.Time) time.Duration {
	if s.Began.IsZero() {
		return now.Sub(recorded)
	}
	return max(0, s.Began.Sub(recorded)) + s.For
}
