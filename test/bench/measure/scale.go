// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package measure

import "time"

// Scale says how much is measured.
type Scale struct {
	// Trials is how often each contender is measured, each time on a fresh cluster.
	Trials int
	// Unthrottled and Stock are the numbers of stacks that are created, by the setting of the control plane.
	Unthrottled, Stock []int
	// Settled is how many stacks are left alone for SettledFor, and looked at every Resync.
	Settled            int
	SettledFor, Resync time.Duration
	// Memory are the numbers of stacks at which the memory is measured, each stack with Revisions.
	Memory    []int
	Revisions int
	// Foreign is the number of Deployments, of Secrets and of pods that are nobody's.
	Foreign int
	// Changes is how many changes are timed, idle and while Storm others roll, and Timed how often all of that.
	Changes, Storm, Timed int
	// Soak is for how long stacks change, SoakRate times a second, and Soaked how many there are.
	Soak     time.Duration
	SoakRate int
	Soaked   int
	// Updates is how often the stack changes whose bytes in etcd are counted.
	Updates int
}

// Scales by their names.
var Scales = map[string]Scale{
	// what docs/performance.md shows
	"full": {
		Trials: 5, Unthrottled: []int{100, 1000, 5000}, Stock: []int{100, 1000},
		Settled: 1000, SettledFor: 10 * time.Minute, Resync: time.Minute,
		Memory: []int{0, 1000, 10000}, Revisions: 10, Foreign: 10000,
		Changes: 200, Storm: 1000, Timed: 3,
		Soak: time.Hour, SoakRate: 5, Soaked: 200,
		Updates: 50,
	},
	// the same in an hour, to see what a change did
	"short": {
		Trials: 3, Unthrottled: []int{100, 1000}, Stock: []int{100},
		Settled: 500, SettledFor: 2 * time.Minute, Resync: 20 * time.Second,
		Memory: []int{0, 1000}, Revisions: 10, Foreign: 2000,
		Changes: 100, Storm: 300, Timed: 1,
		Soak: 5 * time.Minute, SoakRate: 5, Soaked: 100,
		Updates: 50,
	},
	// that all of it works
	"smoke": {
		Trials: 1, Unthrottled: []int{20}, Stock: []int{5},
		Settled: 20, SettledFor: 10 * time.Second, Resync: 2 * time.Second,
		Memory: []int{0, 50}, Revisions: 3, Foreign: 50,
		Changes: 5, Storm: 20, Timed: 1,
		Soak: 10 * time.Second, SoakRate: 5, Soaked: 10,
		Updates: 12,
	},
}
