// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// Revision is an immutable Content with its number, and what is recorded of it.
type Revision struct {
	Number  int64
	Content Content
	Record  Record

	// Name, UID and ResourceVersion are those of the ControllerRevision.
	Name            string
	UID             types.UID
	ResourceVersion string
	// Orphan says that no controller owns the ControllerRevision.
	Orphan bool
}

// ObjectID is the ControllerRevision as it is known.
func (r Revision) ObjectID() ObjectID {
	return ObjectID{Kind: KindRevision, Name: r.Name, UID: r.UID, ResourceVersion: r.ResourceVersion}
}

// Record is what is known of a revision besides its content. It is kept with
// the revision, so that a lost status loses nothing (R5). Its JSON form is
// stored, so fields are only ever added.
type Record struct {
	// Sources are the hashes of the spec contents that this revision is of.
	Sources []string `json:"sources"`
	// ContentHash is the hash of the content as it was rendered.
	ContentHash string `json:"contentHash"`
	// RestartedAt is the latest spec.restartedAt that any revision up to this one was made with.
	RestartedAt *time.Time `json:"restartedAt,omitempty"`
	// ChangeCause is the user's word on why the revision was made.
	ChangeCause string `json:"changeCause,omitempty"`
	// Operations are the components' last known operations by component name,
	// for those that a rollback restores and the spec no longer has.
	Operations map[string]Operation `json:"operations,omitempty"`
	// Provenance says whether images were looked up for specs that turned out to be of
	// this revision too: by source, and by component name. Of the latest only.
	Provenance map[string]map[string]Provenance `json:"provenance,omitempty"`
	// Rollouts are the moves to this revision, oldest first.
	Rollouts []Rollout `json:"rollouts,omitempty"`
}

// HasSource says whether the revision is of the spec content with that hash.
func (r Record) HasSource(hash string) bool {
	return slices.Contains(r.Sources, hash)
}

// MaxSources is how many sources a record keeps. One that is dropped costs its
// spelling the shortcut to the revision: a spec that goes back to it is rendered
// anew, and leads to the same revision by its content (R3), unless a tag has moved,
// or a newer operator renders it otherwise. So there is room for more spellings of
// one content than anybody writes by hand, in 2 KB.
const MaxSources = 100

// WithSource is the record of a revision that is also of the spec content with
// that hash. Of the sources it keeps the first, which the revision was made from
// and a revert brings back, and the newest, of which the present spec's is the last.
func (r Record) WithSource(hash string) Record {
	r.Sources = append(slices.Clone(r.Sources), hash)
	if excess := len(r.Sources) - MaxSources; excess > 0 {
		r.Sources = slices.Delete(r.Sources, 1, 1+excess)
	}
	return r
}

// Rollout is a move of the stack to a revision.
type Rollout struct {
	// Sequence grows by one with each rollout of the stack.
	Sequence  int64                   `json:"sequence"`
	Trigger   v1alpha1.RolloutTrigger `json:"trigger"`
	Outcome   v1alpha1.RolloutOutcome `json:"outcome"`
	StartedAt time.Time               `json:"startedAt"`
	EndedAt   *time.Time              `json:"endedAt,omitempty"`
	Message   string                  `json:"message,omitempty"`
	// Cause is the user's word on why the stack went back; empty where the revision's own is to be told.
	Cause string `json:"cause,omitempty"`
	// Empty says that all components ran zero replicas: it proves nothing (R6).
	Empty bool `json:"empty,omitempty"`
	// Failure is why the rollout failed. It is noted when it is found; the outcome
	// stays open until another rollout begins, or the pods recover (R14).
	Failure *Failure `json:"failure,omitempty"`
	// ResumedAt is from when the deadline runs, where that is not StartedAt: when a
	// pause ended, or when a Deployment could be written again.
	ResumedAt *time.Time `json:"resumedAt,omitempty"`
	// Arrived are the components that have come to run as they should at some time
	// since: what becomes of their pods later is no lack of progress (R6).
	Arrived []string `json:"arrived,omitempty"`
	// From is the number of the revision that an automatic rollback leaves.
	From int64 `json:"from,omitempty"`
	// Declared says that after an automatic rollback the spec asked for this
	// revision itself (R10).
	Declared bool `json:"declared,omitempty"`

	// Revision is the number of the revision moved to; the record implies it.
	Revision int64 `json:"-"`
}

// Ended is when the rollout ended; when it started, where that was not recorded.
func (r Rollout) Ended() time.Time {
	if r.EndedAt == nil {
		return r.StartedAt
	}
	return *r.EndedAt
}

// Good says whether the rollout shows that its revision works.
func (r Rollout) Good() bool {
	return r.Outcome == v1alpha1.OutcomeSucceeded && !r.Empty
}
