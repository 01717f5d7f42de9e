// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision

import (
	"cmp"
	"slices"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// maxRollouts is how many rollouts are recorded of one revision.
const maxRollouts = 10

// Timeline lists the rollouts of all revisions, newest first. A rollout that
// another one overtook is Superseded: that needs no record of its own.
func Timeline(revisions []model.Revision) []model.Rollout {
	var all []model.Rollout
	for _, rev := range revisions {
		all = append(all, rev.Record.Rollouts...)
	}
	slices.SortFunc(all, func(a, b model.Rollout) int { return cmp.Compare(b.Sequence, a.Sequence) })
	for i := 1; i < len(all); i++ {
		if all[i].Outcome == v1alpha1.OutcomeProgressing {
			all[i].Outcome = v1alpha1.OutcomeSuperseded
			all[i].EndedAt = &all[i-1].StartedAt
		}
	}
	return all
}

// LastGood is the newest rollout that shows that its revision works, or nil.
func LastGood(timeline []model.Rollout) *model.Rollout {
	var last *model.Rollout
	for i := range timeline {
		rollout := &timeline[i]
		if rollout.Good() && (last == nil || rollout.EndedAt.After(*last.EndedAt)) {
			last = rollout
		}
	}
	return last
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

// Begin records that a rollout to the revision starts.
func Begin(rev model.Revision, timeline []model.Rollout, rollout model.Rollout) model.Revision {
	rollout.Sequence = 1
	if len(timeline) > 0 {
		rollout.Sequence = timeline[0].Sequence + 1
	}
	rollout.Revision = rev.Number
	rollout.Outcome = v1alpha1.OutcomeProgressing
	rev.Record.Rollouts = bounded(append(slices.Clone(rev.Record.Rollouts), rollout))
	return rev
}

// bounded are the newest rollouts, and the newest good one in any case.
func bounded(rollouts []model.Rollout) []model.Rollout {
	excess := len(rollouts) - maxRollouts
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

// Find is the revision of that number, or nil.
func Find(revisions []model.Revision, number int64) *model.Revision {
	for i := range revisions {
		if revisions[i].Number == number {
			return &revisions[i]
		}
	}
	return nil
}
