// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"strconv"
	"time"
)

// Rejection is a write that the API server rejected.
type Rejection struct {
	// Asked identifies the write.
	Asked Asked
	// Message is the API server's message, and Problem what the conditions report.
	Message string
	Problem Problem
	// At is the time of the last rejection, and Since that of the first in a row for the same
	// write.
	At, Since time.Time
	// Times is the number of rejections in a row for the same write.
	Times int
	// Passing says that the write was forbidden because of permissions, a quota or a policy,
	// which others may change soon. Any other rejection is due to the write itself.
	Passing bool
}

// Backoff of rejected writes.
const (
	// firstPause follows the first rejection; each further rejection doubles it.
	firstPause = 30 * time.Second
	// longestPause is the maximum, and longestPassing the maximum for what others may change
	// soon.
	longestPause   = 5 * time.Minute
	longestPassing = time.Minute
)

// After returns the rejection as the successor of the last one of the same target. It is news
// if the same write was not rejected before.
func (r Rejection) After(last Rejection) (next Rejection, news bool) {
	r.Since, r.Times = r.At, 1
	if last.Times == 0 || last.Asked.Hash != r.Asked.Hash {
		return r, true
	}
	r.Since, r.Times = last.Since, last.Times+1
	return r, false
}

// Pause returns the backoff after the rejection. It includes a jitter of up to a tenth that
// depends on the write, so that stacks that were rejected together are not all retried
// together.
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

// spread derives a number below 256 from a hash.
func spread(hash string) uint64 {
	number, err := strconv.ParseUint(hash[:min(2, len(hash))], 16, 8)
	if err != nil {
		return 0 // not a hash
	}
	return number
}

// Wait returns the remaining backoff of the rejected step; 0 if the step is due. It is due at
// once if its basis has changed.
func (r Rejection) Wait(step Step, now time.Time) time.Duration {
	pause := r.Pause()
	if r.Asked.Basis != step.Asked().Basis || !Within(pause, r.At, now) {
		return 0
	}
	return pause - now.Sub(r.At)
}

// Rejection returns the API server's last rejection of exactly this step; ok is false if there
// is none.
func (s State) Rejection(step Step) (refusal Rejection, ok bool) {
	asked := step.Asked().Hash
	refusal, ok = s.Rejected[step.Target()]
	return refusal, ok && asked != "" && refusal.Asked.Hash == asked
}
