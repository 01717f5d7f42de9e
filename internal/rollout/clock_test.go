// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package rollout_test

import (
	"testing"
	"time"

	"github.com/appstack-dev/appstack/internal/rollout"
)

// hour is the number of seconds by which these tests shift clocks.
const hour = 3600

// watched sets when observation of the rollout began, in seconds after noon, and its length.
func watched(began, seconds int) change {
	return func(in *rollout.Input) {
		in.Observations.Began, in.Observations.For = at(began), time.Duration(seconds)*time.Second
		in.Observations.Progress, in.Observations.Refused = map[string]time.Duration{}, map[string]time.Duration{}
	}
}

// sawProgress sets when component main was observed to make progress, in seconds before now.
func sawProgress(ago int) change {
	return func(in *rollout.Input) { in.Observations.Progress["shop"] = time.Duration(ago) * time.Second }
}

// sawRefused sets for how many seconds component main's pods were observed to be rejected.
func sawRefused(seconds int) change {
	return func(in *rollout.Input) { in.Observations.Refused["shop"] = time.Duration(seconds) * time.Second }
}

// TestClockSetAnew shifts clocks during a rollout: recorded times are then off by an hour, and the
// operator relies on its own measurements. Another operator starts from the recorded times.
func TestClockSetAnew(t *testing.T) {
	const (
		updated = "ReplicaSetUpdated"
		overdue = "failed: component main: ProgressDeadlineExceeded"
		refused = "failed: component main: ReplicaFailure"
	)
	verdicts{
		"R17 operator clock ahead: a rollout of a minute": {hour + 60, []change{watched(0, 60)}, "again in 9m0s"},
		"R17 operator clock ahead: at the deadline":       {hour + 600, []change{watched(0, 600)}, overdue},
		"R17 operator clock back: at the deadline":        {600 - hour, []change{watched(0, 600)}, overdue},
		"R17 operator clock back: a rollout of a minute":  {60 - hour, []change{watched(0, 60)}, "again in 9m0s"},
		"R17 all clocks ahead: progress a minute ago": {
			hour + 700, []change{watched(0, 700), progress(updated, hour+640), sawProgress(60)}, "again in 9m0s",
		},
		"R17 all clocks ahead: progress long ago": {
			hour + 700, []change{watched(0, 700), progress(updated, hour+100), sawProgress(600)}, overdue,
		},
		"R17 all clocks back: progress a minute ago": {
			700 - hour, []change{watched(0, 700), progress(updated, 640-hour), sawProgress(60)}, "again in 9m0s",
		},
		"R17 all clocks back: progress long ago": {
			700 - hour, []change{watched(0, 700), progress(updated, 100-hour), sawProgress(600)}, overdue,
		},
		"R17 another operator uses the recorded time": {
			650, []change{watched(590, 60), progress(updated, 100)}, "again in 50s",
		},
		"R17 another operator whose clock is behind":        {60 - hour, []change{watched(-hour, 60)}, "again in 9m0s"},
		"R17 another operator whose clock is behind, later": {600 - hour, []change{watched(-hour, 600)}, overdue},

		"R17 operator clock ahead: pods refused a moment ago": {
			hour + 60, []change{watched(0, 60), has(replicaFailure(40)), sawRefused(20)}, "again in 10s",
		},
		"R17 operator clock ahead: pods refused for long": {
			hour + 70, []change{watched(0, 70), has(replicaFailure(40)), sawRefused(30)}, refused,
		},
		"R17 operator clock back: pods refused for long": {
			70 - hour, []change{watched(0, 70), has(replicaFailure(40)), sawRefused(30)}, refused,
		},
		"R17 a new operator counts from 0": {
			100, []change{watched(90, 10), has(replicaFailure(40)), sawRefused(10)}, "again in 20s",
		},
	}.run(t)
}
