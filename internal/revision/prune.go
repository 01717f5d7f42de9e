// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision

import (
	"slices"

	"github.com/appstack-dev/appstack/internal/model"
)

// Next is the number of the next revision. The highest number is never pruned,
// so none is used twice (R3).
func Next(revisions []model.Revision) int64 {
	if len(revisions) == 0 {
		return 1
	}
	return revisions[len(revisions)-1].Number + 1
}

// Prunable lists the revisions beyond the limit (R8). Those that never succeeded
// go first, while there are more revisions than the limit says; good ones go only
// while there are more good ones: a series of releases that are superseded, or
// fail, pushes out nothing that can be rolled back to. Of each sort the oldest go
// first. Those in keep, and the highest number, stay, and count.
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

// oldest are as many of the revisions, at most, the oldest first, without those that are kept.
func oldest(revisions []model.Revision, count int, kept func(model.Revision) bool) []model.Revision {
	removable := slices.DeleteFunc(revisions, kept)
	return removable[:min(len(removable), max(0, count))]
}
