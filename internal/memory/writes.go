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

// maxCacheLag is how long the cache may take to show a write. After that, what the cache shows is
// taken as true, for example after the cluster was restored from a backup.
const maxCacheLag = 10 * time.Second

// Writes are the last writes of a stack's children, with the API server's answers.
type Writes struct {
	accepted []accepted // a slice, because a map is large for so few
	rejected map[model.Target]model.Rejection
}

// accepted is the last accepted write of a child.
type accepted struct {
	child types.UID
	model.LastWrite
}

// Note records the answer to a write of a child; next derives it from the previous one.
func (w *Writes) Note(child types.UID, next func(last model.LastWrite) model.LastWrite) {
	at := slices.IndexFunc(w.accepted, func(a accepted) bool { return a.child == child })
	if at < 0 {
		at = len(w.accepted)
		w.accepted = append(slices.Grow(w.accepted, 1), accepted{child: child})
	}
	w.accepted[at].LastWrite = next(w.accepted[at].LastWrite)
}

// Last returns a copy of the last accepted writes, by child; nil if there are none.
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

// Drop drops the last write of a child that is gone.
func (w *Writes) Drop(child types.UID) {
	w.accepted = slices.DeleteFunc(w.accepted, func(a accepted) bool { return a.child == child })
}

// Keep drops the writes of children that no longer exist because others have deleted them.
// Recent writes are kept, as the cache may not show those children yet.
func (w *Writes) Keep(there map[types.UID]bool, now time.Time) {
	w.accepted = slices.DeleteFunc(w.accepted, func(a accepted) bool { return !there[a.child] && !model.Within(maxCacheLag, a.At, now) })
}

// Behind reports whether the cache does not show the last write of the child yet.
func (w *Writes) Behind(child types.UID, generation int64, now time.Time) bool {
	return slices.ContainsFunc(w.accepted, func(a accepted) bool {
		return a.child == child && generation < a.Generation && model.Within(maxCacheLag, a.At, now)
	})
}

// Reject records that the API server rejected a write, and returns the rejection as remembered.
// It is news if the same write was not rejected before.
func (w *Writes) Reject(target model.Target, rejection model.Rejection) (next model.Rejection, news bool) {
	if w.rejected == nil {
		w.rejected = map[model.Target]model.Rejection{}
	}
	next, news = rejection.After(w.rejected[target])
	w.rejected[target] = next
	return next, news
}

// Took drops the rejection of a write that has been accepted since.
func (w *Writes) Took(target model.Target) {
	delete(w.rejected, target)
	if len(w.rejected) == 0 {
		w.rejected = nil
	}
}

// Settled drops all rejections, as none of these writes is needed any more.
func (w *Writes) Settled() { w.rejected = nil }

// Rejected returns a copy of the rejections.
func (w *Writes) Rejected() map[model.Target]model.Rejection { return maps.Clone(w.rejected) }
