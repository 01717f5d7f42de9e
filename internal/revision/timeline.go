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

// maxRollouts is how many rollouts are recorded of one revision.
const maxRollouts = 10

// Timeline lists the rollouts of all revisions, newest first. A rollout that
// another one followed before it ended is Failed where it was found to fail, and
// else Superseded: that needs no record of its own.
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

// overtaken is the open rollout once another has begun.
func overtaken(rollout model.Rollout, at time.Time) model.Rollout {
	rollout.Outcome = v1alpha1.OutcomeSuperseded
	if rollout.Failed() {
		rollout.Outcome = v1alpha1.OutcomeFailed
	}
	rollout.EndedAt = &at
	return rollout
}

// LastGood is the newest rollout that shows that its revision works, or nil. It
// goes by the order of the rollouts: only the newest can succeed, so that is the
// order of their successes too, and the clock may have been set back since.
func LastGood(timeline []model.Rollout) *model.Rollout {
	for i := range timeline {
		if timeline[i].Good() {
			return &timeline[i]
		}
	}
	return nil
}

// Since is the first rollout to each revision from the last success on, by its sequence.
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

// LastGoodOrNewest is the revision whose pods serve as far as the records tell;
// nil before the first.
func LastGoodOrNewest(revisions []model.Revision) *model.Revision {
	if good := LastGood(Timeline(revisions)); good != nil {
		return Find(revisions, good.Revision)
	}
	if len(revisions) == 0 {
		return nil
	}
	return &revisions[len(revisions)-1]
}

// Serving lists the numbers of the revisions other than the target that may
// still have pods, newest first: those that were moved to since a rollout last
// succeeded, and the one that did. With the target's own success there is none.
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

// Begin records that a rollout to the revision starts. Of its failures only the
// last is kept with its message.
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

// Superseded is the newest rollout of the timeline as one that begins at a time
// leaves it; nil where it has ended, or was found to fail, before.
func Superseded(timeline []model.Rollout, at time.Time) *model.Rollout {
	if len(timeline) == 0 || !timeline[0].Open() || timeline[0].Failed() {
		return nil
	}
	left := overtaken(timeline[0], at)
	return &left
}

// newest are so many of the newest rollouts, and the newest good one in any case.
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

// Replace records how a rollout of the revision stands now.
func Replace(rev model.Revision, rollout model.Rollout) model.Revision {
	rev.Record.Rollouts = slices.Clone(rev.Record.Rollouts)
	for i := range rev.Record.Rollouts {
		if rev.Record.Rollouts[i].Sequence == rollout.Sequence {
			rev.Record.Rollouts[i] = rollout
		}
	}
	return rev
}

// With is the revisions with this one in place of what was known of it.
func With(revisions []model.Revision, rev model.Revision) []model.Revision {
	revisions = slices.Clone(revisions)
	if known := Find(revisions, rev.Number); known != nil {
		*known = rev
		return revisions
	}
	return append(revisions, rev)
}

// Find is the revision of that number, or nil.
func Find(revisions []model.Revision, number int64) *model.Revision {
	for i := range revisions {
		if revisions[i].Number == number {
			return &revisions[i]
		}
	}
	return nil
}
