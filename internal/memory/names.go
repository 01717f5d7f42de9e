// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package memory

import (
	"time"

	"github.com/appstack-dev/appstack/internal/model"
)

// moment is how long an observation of a name is trusted.
const moment = 2 * time.Second

// Names are the names of children that were recently found free or created, while the stack has
// something to write. Without them the operator checks the names once more.
type Names struct {
	free, made times
}

// FoundFree records that the dry runs of a rollout start found the name free, for the reconcile
// that follows. If somebody takes the name meanwhile, the write, a create, is rejected. That
// does not hold for server-side apply, which would merge into the object, so these names are
// checked with a live read (R26).
func (n *Names) FoundFree(name model.Target, now time.Time) { n.free.note(name, now) }

// IsFree reports whether the name was found free a moment ago. It returns true for one write
// only.
func (n *Names) IsFree(name model.Target, now time.Time) bool {
	defer delete(n.free, name)
	return n.free.justNow(name, now)
}

// Made records that the child was created. The cache may not show it yet.
func (n *Names) Made(name model.Target, now time.Time) { n.made.note(name, now) }

// IsMade reports whether the child was created a moment ago.
func (n *Names) IsMade(name model.Target, now time.Time) bool { return n.made.justNow(name, now) }

// Removed records that the child was deleted.
func (n *Names) Removed(name model.Target) { delete(n.made, name) }

// Clear drops all names.
func (n *Names) Clear() { *n = Names{} }

// times are the times of observations.
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
