// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision

import (
	"slices"

	"github.com/appstack-dev/appstack/internal/model"
)

// Next returns the number of the next revision. Pruning keeps the highest number, so no number is
// used twice (R3).
func Next(revisions []model.Revision) int64 {
	if len(revisions) == 0 {
		return 1
	}
	return revisions[len(revisions)-1].Number + 1
}

// Prunable lists the revisions to delete beyond the limit (R8). Revisions that never succeeded are
// deleted first, while the total exceeds the limit. Good revisions are deleted only while there are
// more of them than the limit, so that a series of superseded or failed releases removes no
// rollback target. Within each group the oldest go first. Revisions in keep and the one with the
// highest number are never deleted, but count towards the limit.
func Prunable(revisions []model.Revision, limit int, keep []int64) []model.Revision {
	var good, unproven []model.Revision
	for _, rev := range revisions {
		if slices.ContainsFunc(rev.Record.Rollouts, model.Rollout.Good) {
			good = append(good, rev)
		} else {
			unproven = append(unproven, rev)
		}
	}
	kept := func(rev model.Revision) bool {
		return rev.Number == revisions[len(revisions)-1].Number || slices.Contains(keep, rev.Number)
	}
	return append(oldest(unproven, len(revisions)-limit, kept), oldest(good, len(good)-limit, kept)...)
}

// oldest returns the oldest revisions that are not kept, at most count of them.
func oldest(revisions []model.Revision, count int, kept func(model.Revision) bool) []model.Revision {
	removable := slices.DeleteFunc(revisions, kept)
	return removable[:min(len(removable), max(0, count))]
}
