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

// Prunable lists the revisions beyond the limit, oldest first. Those in keep,
// and the highest number, stay, and count towards the limit (R8).
func Prunable(revisions []model.Revision, limit int, keep []int64) []model.Revision {
	excess := len(revisions) - limit
	var prunable []model.Revision
	for i, rev := range revisions {
		if len(prunable) >= excess {
			break
		}
		if i == len(revisions)-1 || slices.Contains(keep, rev.Number) {
			continue
		}
		prunable = append(prunable, rev)
	}
	return prunable
}
