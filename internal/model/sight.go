// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import "time"

// Sight is what the operator itself has seen of the open rollout. Recorded times are by the clocks of those
// who noted them, and each of these clocks may be set anew at any moment; what has lasted while the operator
// watched is measured instead. It is memory only: another operator begins with what is recorded.
type Sight struct {
	// Sequence is that of the rollout, and From is when its deadline runs from.
	Sequence int64
	From     time.Time
	// Began is when the operator first saw the rollout open; zero where it has not seen it yet.
	Began time.Time
	// For is how long ago that is, whatever the clock was set to meanwhile.
	For time.Duration
	// Started says that the rollout was seen to have its Deployments written.
	Started bool
	// Progress is how long ago a Deployment was last seen to make progress, by its name. Deployments that
	// have made none since Began are left out.
	Progress map[string]time.Duration
	// Refused is for how long a Deployment has been seen to lack pods that the API server refuses, by its name.
	Refused map[string]time.Duration
}

// Of is what was seen of the rollout; nothing where that was another one, or was before the rollout resumed.
func (s Sight) Of(rollout Rollout) Sight {
	if s.Sequence != rollout.Sequence || !s.From.Equal(rollout.DeadlineFrom()) {
		return Sight{}
	}
	return s
}

// Since is how long ago a recorded time is. What was recorded before Began is not later than that.
func (s Sight) Since(recorded, now time.Time) time.Duration {
	if s.Began.IsZero() {
		return now.Sub(recorded)
	}
	return max(0, s.Began.Sub(recorded)) + s.For
}
