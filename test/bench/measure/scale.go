// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package measure

import "time"

// Scale says how much is measured.
type Scale struct {
	// Converged are the numbers of stacks that each contender has to bring to run.
	Converged []Converged
	// Settled is how many stacks are left alone for SettledFor, and looked at every Resync.
	Settled            int
	SettledFor, Resync time.Duration
	// Memory are the numbers of stacks at which the memory is measured, each stack with Revisions,
	// and Restarts is how often the operator starts for that, and for each way to end its leader.
	Memory              []int
	Revisions, Restarts int
	// Foreign is the number of Deployments, of Secrets and of pods that are nobody's, and Idle for how long the operator is
	// looked at before there are any.
	Foreign int
	Idle    time.Duration
	// Changes is how many changes are timed, for which Probes stacks take turns: idle, while Rolling others roll, and while
	// Storm others are released at once, again and again. Timed is how often all of that is measured.
	Changes, Probes, Rolling, Storm, Timed int
	// Soak is for how long stacks change, SoakRate times a second, and Soaked how many there are.
	Soak     time.Duration
	SoakRate int
	Soaked   int
	// Updates is how often the stack changes whose bytes in etcd are counted.
	Updates int
}

// Converged is a number of stacks under a setting of the control plane, each trial on a fresh cluster.
type Converged struct {
	Setting        string
	Stacks, Trials int
	// CreateOnly leaves them as they were created: they are neither updated nor rolled back.
	CreateOnly bool
}

// Scales by their names.
var Scales = map[string]Scale{
	// what docs/performance.md shows
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
	// the same with fewer, to see what a change did
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
	// that all of it works
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
