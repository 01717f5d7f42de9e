// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package measure

import "time"

// Scale defines how much is measured.
type Scale struct {
	// Converged lists the numbers of stacks that each contender must run.
	Converged []Converged
	// Settled is the number of stacks that stay unchanged for SettledFor, and are reconciled every Resync.
	Settled            int
	SettledFor, Resync time.Duration
	// Memory lists the numbers of stacks at which the memory is measured, each stack with Revisions.
	// Restarts is how often the operator starts for that, and for each way to terminate its leader.
	Memory              []int
	Revisions, Restarts int
	// Foreign is the number of Deployments, of Secrets and of pods that belong to no stack. Idle is how long the operator is
	// measured before they exist.
	Foreign int
	Idle    time.Duration
	// Changes is the number of measured changes, over which Probes stacks take turns: idle, while Rolling others roll out, and while
	// Storm others are updated at once, again and again. Timed is how often all of that is measured.
	Changes, Probes, Rolling, Storm, Timed int
	// Soak is how long Soaked stacks change, SoakRate times a second.
	Soak     time.Duration
	SoakRate int
	Soaked   int
	// Updates is the number of updates of the stack whose size in etcd is measured.
	Updates int
}

// Converged is a number of stacks with a setting of the control plane. Each trial has a fresh cluster.
type Converged struct {
	Setting        string
	Stacks, Trials int
	// CreateOnly skips the update and the rollback.
	CreateOnly bool
}

// Scales by name.
var Scales = map[string]Scale{
	// the source of docs/performance.md
	"full": {
		Converged: []Converged{
			{Setting: Unthrottled, Stacks: 100, Trials: 5},
			{Setting: Unthrottled, Stacks: 1000, Trials: 5},
			{Setting: Unthrottled, Stacks: 5000, Trials: 1, CreateOnly: true},
			{Setting: Stock, Stacks: 100, Trials: 5, CreateOnly: true},
			{Setting: Stock, Stacks: 1000, Trials: 1, CreateOnly: true},
		},
		Settled: 1000, SettledFor: 10 * time.Minute, Resync: time.Minute,
		Memory: []int{0, 1000, 10000}, Revisions: 10, Restarts: 5, Foreign: 10000, Idle: 2 * time.Minute,
		Changes: 100, Probes: 20, Rolling: 1000, Storm: 300, Timed: 1,
		Soak: time.Hour, SoakRate: 5, Soaked: 200,
		Updates: 50,
	},
	// the same with fewer stacks, to see the effect of a change
	"short": {
		Converged: []Converged{
			{Setting: Unthrottled, Stacks: 100, Trials: 3},
			{Setting: Unthrottled, Stacks: 1000, Trials: 1},
			{Setting: Stock, Stacks: 100, Trials: 1, CreateOnly: true},
		},
		Settled: 500, SettledFor: 2 * time.Minute, Resync: 20 * time.Second,
		Memory: []int{0, 1000}, Revisions: 10, Restarts: 3, Foreign: 2000, Idle: time.Minute,
		Changes: 100, Probes: 20, Rolling: 300, Storm: 300, Timed: 1,
		Soak: 5 * time.Minute, SoakRate: 5, Soaked: 100,
		Updates: 50,
	},
	// a test of the benchmark itself
	"smoke": {
		Converged: []Converged{
			{Setting: Unthrottled, Stacks: 20, Trials: 1},
			{Setting: Stock, Stacks: 5, Trials: 1, CreateOnly: true},
		},
		Settled: 20, SettledFor: 10 * time.Second, Resync: 2 * time.Second,
		Memory: []int{0, 50}, Revisions: 3, Restarts: 1, Foreign: 50, Idle: 5 * time.Second,
		Changes: 3, Probes: 3, Rolling: 20, Storm: 20, Timed: 1,
		Soak: 10 * time.Second, SoakRate: 5, Soaked: 10,
		Updates: 12,
	},
}
