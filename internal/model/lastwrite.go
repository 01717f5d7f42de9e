// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"slices"
	"time"
)

// LastWrite is a write and the API server's answer to it. An answer that
// differs from what was asked (a mutating webhook, a default of a newer API
// server) is not drift: asking again would change nothing.
type LastWrite struct {
	// Asked is the hash of what was asked.
	Asked string
	// Answered is the fingerprint of the object in the answer.
	Answered string
	// Generation is that of the object in the answer.
	Generation int64
	// At is the time of the answer.
	At time.Time
	// Repairs are those in a row that the write is the last of; nil where it is none.
	Repairs *Repairs
}

// Repairs are writes that asked for the same, each because somebody else had changed it
// before the last one had stood for long.
type Repairs struct {
	// Count is how many there were.
	Count int
	// Fields are the paths that were changed, and Managers the field managers that
	// changed them, as far as is known. Both are sorted, and only grow with each repair,
	// so that a message which names them comes to rest.
	Fields, Managers []string
}

// Change is what somebody else changed in a child.
type Change struct {
	// Field is the path of the first field that was changed; empty where none was.
	Field string
	// Manager is the field manager that changed it; empty where that is not known.
	Manager string
}

// An object is contested when somebody else undoes the same write again and
// again. Each further write has to wait for its turn then, so that two controllers
// do not race as fast as they can.
const (
	// freeRepairs are those that do not wait.
	freeRepairs = 3
	// contentWait is how long a write waits where the change decides what pods run, or
	// who gets their requests. A new pod takes longer to become ready, as a rule, so a
	// foreign image hardly gets to serve, and one write a second is the most it costs.
	contentWait = time.Second
	// maxWait is the longest wait of any other write. They begin with a second too.
	maxWait = 30 * time.Second
	// standing is for how long a write has to stand until nothing is contested any more.
	standing = time.Minute
	// maxNamed is how many fields and managers are remembered.
	maxNamed = 3
)

// Next is the answer to the write that follows. Where that puts back what somebody else
// has changed it is a repair, and in a row with the last ones if these asked for the
// same a short while ago.
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

// Contest is how long the object is contested from now on if nobody changes it
// again; 0 where it is not contested. It begins before the first write has to wait,
// and does not end between a write and the change that undoes it.
func (a LastWrite) Contest(asked string, now time.Time) time.Duration {
	if a.Asked != asked || a.Repairs == nil || a.Repairs.Count < freeRepairs || !Within(standing, a.At, now) {
		return 0
	}
	return standing - now.Sub(a.At)
}

// Wait is how long a write has to wait for its turn: not at all where nothing is
// contested. Content says that the change decides what pods run, or who gets their
// requests.
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

// including are the names with one more, sorted, unless it is empty or they are many.
func including(names []string, name string) []string {
	at, found := slices.BinarySearch(names, name)
	if found || name == "" || len(names) == maxNamed {
		return names
	}
	return slices.Insert(slices.Clone(names), at, name)
}
