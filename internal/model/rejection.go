// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"strconv"
	"time"
)

// Rejection is a write that the API server refused.
type Rejection struct {
	// Asked is what was refused.
	Asked Asked
	// Message is the API server's, and Problem what the conditions report.
	Message string
	Problem Problem
	// At is the time of its answer, and Since that of the first such answer to the same.
	At, Since time.Time
	// Times is how often it refused the same.
	Times int
	// Passing says that the answer is about rights, a quota or a policy, which others
	// may be about to change; any other is about what was asked.
	Passing bool
}

// How long it takes until what was refused is asked again.
const (
	// firstPause is after the first refusal; each further one doubles it.
	firstPause = 30 * time.Second
	// longestPause is the longest, and longestPassing for what others may be about to change.
	longestPause   = 5 * time.Minute
	longestPassing = time.Minute
)

// After is the refusal as one that follows on the last one of the same target. It is
// news where the same was not refused before.
func (r Rejection) After(last Rejection) (next Rejection, news bool) {
	r.Since, r.Times = r.At, 1
	if last.Times == 0 || last.Asked.Hash != r.Asked.Hash {
		return r, true
	}
	r.Since, r.Times = last.Since, last.Times+1
	return r, false
}

// Pause is how long after the refusal the same is asked again. It is up to a tenth
// longer, depending on what was asked: stacks that were refused together are not
// all tried together again.
func (r Rejection) Pause() time.Duration {
	longest := longestPause
	if r.Passing {
		longest = longestPassing
	}
	pause := longest
	if doublings := r.Times - 1; doublings < 4 {
		pause = min(firstPause<<max(0, doublings), longest)
	}
	return pause + pause/10*time.Duration(spread(r.Asked.Hash))/256
}

// spread is a number below 256 that a hash decides.
func spread(hash string) uint64 {
	number, err := strconv.ParseUint(hash[:min(2, len(hash))], 16, 8)
	if err != nil {
		return 0 // it is no hash
	}
	return number
}

// Wait is how long it takes until the step that was refused is due again; 0 where it
// is. It is due at once where its basis is another one.
func (r Rejection) Wait(step Step, now time.Time) time.Duration {
	pause := r.Pause()
	if r.Asked.Basis != step.Asked().Basis || !Within(pause, r.At, now) {
		return 0
	}
	return pause - now.Sub(r.At)
}

// Rejection is how the API server refused the very same step before; ok is false where it did not.
func (s State) Rejection(step Step) (refusal Rejection, ok bool) {
	asked := step.Asked().Hash
	refusal, ok = s.Rejected[step.Target()]
	return refusal, ok && asked != "" && refusal.Asked.Hash == asked
}
