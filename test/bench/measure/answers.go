// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package measure

import (
	"slices"
	"strings"
	"time"

	"github.com/appstack-dev/appstack/test/bench/cluster"
)

// answers contains the operator's requests by stack, in order, to find how soon it reacted to a change.
type answers map[string][]cluster.Request

// answersFor groups requests by stack. The names of the stacks have equal length. Events and watches are
// left out, because no write waits for them.
func answersFor(stacks []string, requests []cluster.Request) answers {
	all := answers{}
	for _, request := range requests {
		if request.Event() || request.Verb == "watch" {
			continue
		}
		name := request.ObjectRef.Name
		if i := slices.IndexFunc(stacks, func(stack string) bool { return name == stack || strings.HasPrefix(name, stack+"-") }); i >= 0 {
			all[stacks[i]] = append(all[stacks[i]], request)
		}
	}
	for _, requests := range all {
		slices.SortFunc(requests, func(a, b cluster.Request) int { return a.StageTimestamp.Compare(b.StageTimestamp.Time) })
	}
	return all
}

// to returns the time from the arrival of the request until a write of the stack's Deployment was answered. Of this, own is the
// time in which the API server processed neither the request nor any of the operator's for the stack: the time of the operator
// itself, and until it receives the change.
func (a answers) to(request cluster.Request, stack string) (took, own time.Duration, found bool) {
	asked := request.RequestReceivedTimestamp.Time
	busy := []span{{asked, request.StageTimestamp.Time}}
	for _, answer := range a[stack] {
		at := answer.StageTimestamp.Time
		if !at.After(asked) {
			continue
		}
		busy = append(busy, span{answer.RequestReceivedTimestamp.Time, at})
		if answer.ObjectRef.Resource == "deployments" && answer.ObjectRef.Name == stack && answer.Write() && !answer.Failed() {
			return at.Sub(asked), span{asked, at}.without(busy), true
		}
	}
	return 0, 0, false
}

// span is a time interval.
type span struct{ from, to time.Time }

// without returns how much of the span none of the others covers.
func (s span) without(others []span) time.Duration {
	others = append(slices.Clone(others), span{s.to, s.to}) // ends the last gap
	slices.SortFunc(others, func(a, b span) int { return a.from.Compare(b.from) })
	var free time.Duration
	at := s.from // everything before is accounted for
	for _, other := range others {
		if other.from.After(s.to) {
			break
		}
		if other.from.After(at) {
			free += other.from.Sub(at)
		}
		if other.to.After(at) {
			at = other.to
		}
	}
	return free
}
