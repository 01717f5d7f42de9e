// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package memory

import (
	"slices"
	"time"

	"github.com/appstack-dev/appstack/internal/model"
)

// Records are writes of revisions that the cache may not show yet, by the names of their
// ControllerRevisions.
type Records map[string]write

// write is what was written of a record since it was seen last.
type write struct {
	// before are the resource versions that were replaced; an empty one where the record was made.
	before []string
	// at is when the API server answered last.
	at time.Time
}

// Wrote remembers that a record was written, in place of what it was before.
func (r *Records) Wrote(name, before string, at time.Time) {
	if *r == nil {
		*r = Records{}
	}
	(*r)[name] = write{before: append((*r)[name].before, before), at: at}
}

// Behind says whether the cache does not show yet what was last written of a record.
// Rollouts are numbered by all records together: without the last one the next would get
// its number again (R5). The shown are the resource versions in the cache, by name.
//
// What the cache has shown once need not be remembered: it never goes back.
func (r *Records) Behind(shown map[string]string, now time.Time) (behind bool) {
	for name, write := range *r {
		if slices.Contains(write.before, shown[name]) && model.Within(catchUp, write.at, now) {
			behind = true
		} else {
			r.Drop(name)
		}
	}
	return behind
}

// Drop forgets the write of a record whose revision is gone.
func (r *Records) Drop(name string) {
	delete(*r, name)
	if len(*r) == 0 {
		*r = nil
	}
}
