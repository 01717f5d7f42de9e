// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision

import (
	"cmp"
	"slices"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// maxRollouts is how many rollouts a revision's record keeps.
const maxRollouts = 10

// Timeline lists the rollouts of all revisions, newest first. If another rollout started before one
// ended, the earlier one is Failed if a failure was recorded for it, and Superseded otherwise. This
// is derived here, so that the start of a rollout does not have to update the previous revision.
func Timeline(revisions []model.Revision) []model.Rollout {
	var all []model.Rollout
	for _, rev := range revisions {
		all = append(all, rev.Record.Rollouts...)
	}
	slices.SortFunc(all, func(a, b model.Rollout) int {
		return cmp.Or(cmp.Compare(b.Sequence, a.Sequence), b.StartedAt.Compare(a.StartedAt))
	})
	for i := 1; i < len(all); i++ {
		if all[i].Open() {
			all[i] = overtaken(all[i], all[i-1].StartedAt)
		}
	}
	return all
}

// overtaken returns the open rollout as ended by the start of another one.
func overtaken(rollout model.Rollout, at time.Time) model.Rollout {
	rollout.Outcome = v1alpha1.OutcomeSuperseded
	if rollout.Failed() {
		rollout.Outcome = v1alpha1.OutcomeFailed
	}
	rollout.EndedAt = &at
	return rollout
}

// LastGood returns the newest rollout that proves that its revision works, or nil. It uses the
// order of the rollouts and not their times, because the clock may have been set back. Only the
// newest rollout can succeed, so this is also the order of their successes.
func LastGood(timeline []model.Rollout) *model.Rollout {
	for i := range timeline {
		if timeline[i].Good() {
			return &timeline[i]
		}
	}
	return nil
}

// Since returns, for each revision rolled out since the last success, the sequence of its first
// rollout in that period. The last success itself is included.
func Since(timeline []model.Rollout) map[int64]int64 {
	since := map[int64]int64{}
	for _, rollout := range timeline {
		since[rollout.Revision] = rollout.Sequence
		if rollout.Outcome == v1alpha1.OutcomeSucceeded {
			break
		}
	}
	return since
}

// LastGoodOrNewest returns the revision whose pods are serving according to the records: the last
// good one, or the newest if none was good; nil if there are no revisions.
func LastGoodOrNewest(revisions []model.Revision) *model.Revision {
	if good := LastGood(Timeline(revisions)); good != nil {
		return Find(revisions, good.Revision)
	}
	if len(revisions) == 0 {
		return nil
	}
	return &revisions[len(revisions)-1]
}

// Serving lists the numbers of the revisions other than the target that may still have pods, newest
// first: the last one that succeeded, and all that were rolled out since. It is empty if the target
// itself succeeded last.
func Serving(timeline []model.Rollout, target int64) []int64 {
	var serving []int64
	for _, rollout := range timeline {
		succeeded := rollout.Outcome == v1alpha1.OutcomeSucceeded
		if rollout.Revision == target {
			if succeeded && len(serving) == 0 {
				return nil
			}
		} else if !slices.Contains(serving, rollout.Revision) {
			serving = append(serving, rollout.Revision)
		}
		if succeeded {
			break
		}
	}
	return serving
}

// Begin adds the start of a rollout to the revision's record. Of the earlier failures only the last
// keeps its message.
func Begin(rev model.Revision, timeline []model.Rollout, rollout model.Rollout) model.Revision {
	rollout.Sequence = 1
	if len(timeline) > 0 {
		rollout.Sequence = timeline[0].Sequence + 1
	}
	rollout.Revision = rev.Number
	rollout.Outcome = v1alpha1.OutcomeProgressing
	rollouts := slices.Clone(rev.Record.Rollouts)
	for i, last := len(rollouts)-1, true; i >= 0; i-- {
		failure := rollouts[i].Failure
		if failure == nil {
			continue
		}
		if !last {
			short := *failure
			short.Message = ""
			rollouts[i].Failure = &short
		}
		last = false
	}
	rev.Record.Rollouts = newest(append(rollouts, rollout), maxRollouts)
	return rev
}

// Superseded returns the newest rollout of the timeline as superseded by one that starts at the
// given time. It returns nil if the newest rollout has already ended or failed.
func Superseded(timeline []model.Rollout, at time.Time) *model.Rollout {
	if len(timeline) == 0 || !timeline[0].Open() || timeline[0].Failed() {
		return nil
	}
	left := overtaken(timeline[0], at)
	return &left
}

// newest returns the newest rollouts, at most limit, always including the newest good one.
func newest(rollouts []model.Rollout, limit int) []model.Rollout {
	excess := len(rollouts) - limit
	if excess <= 0 {
		return rollouts
	}
	dropped, kept := rollouts[:excess], rollouts[excess:]
	if slices.ContainsFunc(kept, model.Rollout.Good) {
		return kept
	}
	for _, rollout := range slices.Backward(dropped) {
		if rollout.Good() {
			return append([]model.Rollout{rollout}, kept[1:]...)
		}
	}
	return kept
}

// Replace updates the rollout with the same sequence in the revision's record.
func Replace(rev model.Revision, rollout model.Rollout) model.Revision {
	rev.Record.Rollouts = slices.Clone(rev.Record.Rollouts)
	for i := range rev.Record.Rollouts {
		if rev.Record.Rollouts[i].Sequence == rollout.Sequence {
			rev.Record.Rollouts[i] = rollout
		}
	}
	return rev
}

// With returns the revisions with this one added, or in place of the one with the same number.
func With(revisions []model.Revision, rev model.Revision) []model.Revision {
	revisions = slices.Clone(revisions)
	if known := Find(revisions, rev.Number); known != nil {
		*known = rev
		return revisions
	}
	return append(revisions, rev)
}

// Find returns the revision with that number, or nil.
func Find(revisions []model.Revision, number int64) *model.Revision {
	for i := range revisions {
		if revisions[i].Number == number {
			return &revisions[i]
		}
	}
	return nil
}
