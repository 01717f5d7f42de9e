// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"slices"
	"time"
)

// LastWrite is the last accepted write of a child, and the API server's answer. If the answer
// differs from the request (because of a mutating webhook, or a default of a newer API server),
// that is not drift: the same request would change nothing.
type LastWrite struct {
	// Asked is the hash of the request.
	Asked string
	// Answered is the fingerprint of the object in the answer.
	Answered string
	// Generation is the generation of the object in the answer.
	Generation int64
	// At is the time of the answer.
	At time.Time
	// Repairs is the series of repairs that ends with this write; nil if the write is not a
	// repair.
	Repairs *Repairs
}

// Repairs is a series of writes of the same content, each because somebody else had changed the
// object shortly after the previous write.
type Repairs struct {
	// Count is the number of repairs.
	Count int
	// Fields are the paths that were changed, and Managers the field managers that changed
	// them, if known. Both are sorted, at most three are kept, and entries are only added, so
	// that a message with them stops changing.
	Fields, Managers []string
}

// Change is what somebody else changed in a child.
type Change struct {
	// Field is the path of the first field that was changed; empty if none was.
	Field string
	// Manager is the field manager that changed it; empty if unknown.
	Manager string
}

// An object is contested if somebody else reverts the same write again and again. Further
// writes back off, so that two controllers do not race at full speed.
const (
	// freeRepairs is the number of repairs without a backoff.
	freeRepairs = 3
	// contentWait is the backoff if the change decides what pods run or which pods get
	// requests. A new pod usually takes longer to become ready, so a foreign image hardly ever
	// serves, at a cost of at most one write a second.
	contentWait = time.Second
	// maxWait is the longest backoff of other writes, which starts with a second and doubles.
	maxWait = 30 * time.Second
	// standing is how long a write has to last before the object is no longer contested.
	standing = time.Minute
	// maxNamed is the maximum number of fields, and of managers, that are remembered.
	maxNamed = 3
)

// Next returns the record of the write that follows this one. A write that reverts somebody
// else's change is a repair. It continues the series of this write if both wrote the same
// content less than a minute apart.
func (a LastWrite) Next(answer LastWrite, undone Change) LastWrite {
	if undone.Field == "" {
		return answer
	}
	var before Repairs
	if a.Asked == answer.Asked && a.Repairs != nil && Within(standing, a.At, answer.At) {
		before = *a.Repairs
	}
	answer.Repairs = &Repairs{
		Count:    before.Count + 1,
		Fields:   including(before.Fields, undone.Field),
		Managers: including(before.Managers, undone.Manager),
	}
	return answer
}

// Contest returns how long the object remains contested if nobody changes it again; 0 if it is
// not contested. A contest starts before the first write backs off, and lasts between a write
// and the change that reverts it.
func (a LastWrite) Contest(asked string, now time.Time) time.Duration {
	if a.Asked != asked || a.Repairs == nil || a.Repairs.Count < freeRepairs || !Within(standing, a.At, now) {
		return 0
	}
	return standing - now.Sub(a.At)
}

// Wait returns the remaining backoff of a write; 0 if the object is not contested. Set content
// if the change decides what pods run or which pods get requests.
func (a LastWrite) Wait(asked string, content bool, now time.Time) time.Duration {
	if a.Contest(asked, now) == 0 {
		return 0
	}
	pause := maxWait
	if doublings := a.Repairs.Count - freeRepairs; content {
		pause = contentWait
	} else if doublings < 5 {
		pause = min(pause, time.Second<<doublings)
	}
	return max(0, pause-now.Sub(a.At))
}

// including returns the sorted names with one more, unless it is empty or the limit is reached.
func including(names []string, name string) []string {
	at, found := slices.BinarySearch(names, name)
	if found || name == "" || len(names) == maxNamed {
		return names
	}
	return slices.Insert(slices.Clone(names), at, name)
}
