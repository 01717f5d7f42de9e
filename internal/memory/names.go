// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package memory

import (
	"time"

	"github.com/appstack-dev/appstack/internal/model"
)

// moment is how long what was seen of a name is believed.
const moment = 2 * time.Second

// Names are what was seen of the names of children a moment ago, while the stack has
// something to be written. Without it, they are looked at once more.
type Names struct {
	free, made times
}

// FoundFree notes that the start of a rollout found the name free, for the reconcile that
// follows. Who takes it meanwhile is found by the write, which creates the object, or is
// refused. What is applied would be merged into an object that somebody has made, and is
// looked for (R26).
func (n *Names) FoundFree(name model.Target, now time.Time) { n.free.note(name, now) }

// IsFree says whether the name was free a moment ago. It is good for one write.
func (n *Names) IsFree(name model.Target, now time.Time) bool {
	defer delete(n.free, name)
	return n.free.justNow(name, now)
}

// Made notes that the child was made. The cache may not show it yet.
func (n *Names) Made(name model.Target, now time.Time) { n.made.note(name, now) }

// IsMade says whether the child was made a moment ago.
func (n *Names) IsMade(name model.Target, now time.Time) bool { return n.made.justNow(name, now) }

// Removed notes that the child was removed.
func (n *Names) Removed(name model.Target) { delete(n.made, name) }

// Clear forgets all names.
func (n *Names) Clear() { *n = Names{} }

// times are when something was seen.
type times map[model.Target]time.Time

func (t *times) note(name model.Target, now time.Time) {
	if *t == nil {
		*t = times{}
	}
	(*t)[name] = now
}

func (t *times) justNow(name model.Target, now time.Time) bool {
	at, found := (*t)[name]
	return found && model.Within(moment, at, now)
}
