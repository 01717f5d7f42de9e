// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package memory

import (
	"slices"
	"time"

	"github.com/appstack-dev/appstack/internal/model"
)

// Records are writes of revisions that the cache may not show yet, by the names of the
// ControllerRevisions.
type Records map[string]write

// write is what was written to a revision since the cache last caught up.
type write struct {
	// before are the resource versions that were replaced, an empty one for a create.
	before []string
	// at is the time of the API server's last answer.
	at time.Time
}

// Wrote records that a revision was written, and the resource version before that; it is empty
// for a create.
func (r *Records) Wrote(name, before string, at time.Time) {
	if *r == nil {
		*r = Records{}
	}
	(*r)[name] = write{before: append((*r)[name].before, before), at: at}
}

// Behind reports whether the cache does not show the last write of a revision yet; shown are
// the resource versions in the cache, by name. The sequence of a rollout is one more than the
// highest in all revisions, so an outdated revision would give the next rollout the same number
// again (R5).
//
// Behind drops the writes that the cache shows: it never goes back.
func (r *Records) Behind(shown map[string]string, now time.Time) (behind bool) {
	for name, write := range *r {
		if slices.Contains(write.before, shown[name]) && model.Within(maxCacheLag, write.at, now) {
			behind = true
		} else {
			r.Drop(name)
		}
	}
	return behind
}

// Drop drops the write of a revision that is gone.
func (r *Records) Drop(name string) {
	delete(*r, name)
	if len(*r) == 0 {
		*r = nil
	}
}
