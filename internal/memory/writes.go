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
	rejected map[model.Target]model.Rejection
}

// accepted is the last write of a child that was.
type accepted struct {
	child types.UID
	model.LastWrite
}

// Note remembers the answer to a write of a child, which may depend on the last one.
func (w *Writes) Note(child types.UID, next func(last model.LastWrite) model.LastWrite) {
	at := slices.IndexFunc(w.accepted, func(a accepted) bool { return a.child == child })
	if at < 0 {
		at = len(w.accepted)
		w.accepted = append(slices.Grow(w.accepted, 1), accepted{child: child})
	}
	w.accepted[at].LastWrite = next(w.accepted[at].LastWrite)
}

// Last are a copy of the answers, by child.
func (w *Writes) Last() map[types.UID]model.LastWrite {
	if len(w.accepted) == 0 {
		return nil
	}
	all := make(map[types.UID]model.LastWrite, len(w.accepted))
	for _, a := range w.accepted {
		all[a.child] = a.LastWrite
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

// Reject remembers that the API server rejected a write. The answer is what is
// remembered; it is news where the same was not rejected before.
func (w *Writes) Reject(target model.Target, rejection model.Rejection) (next model.Rejection, news bool) {
	if w.rejected == nil {
		w.rejected = map[model.Target]model.Rejection{}
	}
	next, news = rejection.After(w.rejected[target])
	w.rejected[target] = next
	return next, news
}

// Took forgets that a write was rejected: it was taken now.
func (w *Writes) Took(target model.Target) {
	delete(w.rejected, target)
	if len(w.rejected) == 0 {
		w.rejected = nil
	}
}

// Settled forgets what was rejected: nothing of it is asked for any more.
func (w *Writes) Settled() { w.rejected = nil }

// Rejected is a copy of what the API server rejected.
func (w *Writes) Rejected() map[model.Target]model.Rejection { return maps.Clone(w.rejected) }
