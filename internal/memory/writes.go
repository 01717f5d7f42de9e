// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package memory

import (
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/model"
)

// catchUp is how long the cache may take to show a write. After that what it shows is
// true, as when the cluster was restored from a backup.
const catchUp = 10 * time.Second

// Writes are the last writes of a stack's children, with what the API server made of them.
type Writes struct {
	accepted []accepted // few, for which a map is large
	refused  map[model.Target]model.Refusal
}

// accepted is the last write of a child that was.
type accepted struct {
	child types.UID
	model.Acceptance
}

// Note remembers the answer to a write of a child, which may depend on the last one.
func (w *Writes) Note(child types.UID, next func(last model.Acceptance) model.Acceptance) {
	at := slices.IndexFunc(w.accepted, func(a accepted) bool { return a.child == child })
	if at < 0 {
		at = len(w.accepted)
		w.accepted = append(slices.Grow(w.accepted, 1), accepted{child: child})
	}
	w.accepted[at].Acceptance = next(w.accepted[at].Acceptance)
}

// Accepted are a copy of the answers, by child.
func (w *Writes) Accepted() map[types.UID]model.Acceptance {
	if len(w.accepted) == 0 {
		return nil
	}
	all := make(map[types.UID]model.Acceptance, len(w.accepted))
	for _, a := range w.accepted {
		all[a.child] = a.Acceptance
	}
	return all
}

// Drop forgets a child that is gone.
func (w *Writes) Drop(child types.UID) {
	w.accepted = slices.DeleteFunc(w.accepted, func(a accepted) bool { return a.child == child })
}

// Keep forgets the children that are not there any more, as others have deleted them. The
// cache may not show yet what was made a moment ago.
func (w *Writes) Keep(there map[types.UID]bool, now time.Time) {
	w.accepted = slices.DeleteFunc(w.accepted, func(a accepted) bool { return !there[a.child] && !model.Within(catchUp, a.At, now) })
}

// Behind says whether the cache does not show yet how the child was last written.
func (w *Writes) Behind(child types.UID, generation int64, now time.Time) bool {
	return slices.ContainsFunc(w.accepted, func(a accepted) bool {
		return a.child == child && generation < a.Generation && model.Within(catchUp, a.At, now)
	})
}

// Refuse remembers that the API server refused a write. The answer is what is
// remembered; it is news where the same was not refused before.
func (w *Writes) Refuse(target model.Target, refusal model.Refusal) (next model.Refusal, news bool) {
	if w.refused == nil {
		w.refused = map[model.Target]model.Refusal{}
	}
	next, news = refusal.After(w.refused[target])
	w.refused[target] = next
	return next, news
}

// Took forgets that a write was refused: it was taken now.
func (w *Writes) Took(target model.Target) {
	delete(w.refused, target)
	if len(w.refused) == 0 {
		w.refused = nil
	}
}

// Settled forgets what was refused: nothing of it is asked for any more.
func (w *Writes) Settled() { w.refused = nil }

// Refused is a copy of what the API server refused.
func (w *Writes) Refused() map[model.Target]model.Refusal { return maps.Clone(w.refused) }
