// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// Revision is an immutable Content with its number and its record.
type Revision struct {
	Number  int64
	Content Content
	Record  Record

	// Name, UID and ResourceVersion are those of the ControllerRevision that stores it.
	Name            string
	UID             types.UID
	ResourceVersion string
	// Orphan says that the ControllerRevision has no controller.
	Orphan bool
}

// ObjectID identifies the ControllerRevision.
func (r Revision) ObjectID() ObjectID {
	return ObjectID{Kind: KindRevision, Name: r.Name, UID: r.UID, ResourceVersion: r.ResourceVersion}
}

// Record is the data of a revision besides its content. It is stored with the revision, so a lost
// status can be recomputed (R5). Its JSON form is stored, so fields are only ever added.
type Record struct {
	// Sources are the hashes of the spec contents that render to this revision.
	Sources []string `json:"sources"`
	// ContentHash is the hash of the content as rendered.
	ContentHash string `json:"contentHash"`
	// RestartedAt is the latest spec.restartedAt that this or any earlier revision was created
	// with.
	RestartedAt *time.Time `json:"restartedAt,omitempty"`
	// ChangeCause is the user's reason for the revision.
	ChangeCause string `json:"changeCause,omitempty"`
	// Operations are the last known operations of the additional components, by name. A rollback
	// restores them for components that the spec no longer has.
	Operations map[string]Operation `json:"operations,omitempty"`
	// ConfigBaseline has the hashes of the ConfigMaps that the templates reference directly, by
	// name, as first observed. A different hash is a change.
	ConfigBaseline map[string]string `json:"configBaseline,omitempty"`
	// ConfigVersions has the versions of the ConfigMaps whose content the revision has, by name.
	// After a restart, the operator does not read a ConfigMap that still has its version.
	ConfigVersions map[string]string `json:"configVersions,omitempty"`
	// ConfigReleases are the times of the latest releases for changed ConfigMaps or Secrets, up to
	// and including this revision.
	ConfigReleases ConfigTimes `json:"configReleases,omitempty"`
	// SecretVersions has the versions of the Secrets that the pods were last started with, by name;
	// empty for an optional one that did not exist. Only the newest rollout's revision counts. There
	// is nothing of the content of a Secret in it, and no hash of it (R36).
	SecretVersions map[string]string `json:"secretVersions,omitempty"`
	// Provenance has the image resolution results of other sources that render to this revision, by
	// source hash and component name. Only the latest sources are kept.
	Provenance map[string]map[string]Provenance `json:"provenance,omitempty"`
	// Rollouts are the rollouts to this revision, oldest first.
	Rollouts []Rollout `json:"rollouts,omitempty"`
}

// HasSource reports whether the revision has the spec content with that hash.
func (r Record) HasSource(hash string) bool {
	return slices.Contains(r.Sources, hash)
}

// MaxSources is the maximum number of sources in a record. A spec whose source is not in the record
// is rendered again. Its content hash still identifies the same revision (R3), unless a tag has
// moved or a newer operator renders it differently. 100 hashes take 2 KB, and more variants of the
// same content are unlikely.
const MaxSources = 100

// WithSource returns the record with one more source. It keeps the newest sources, of which the
// last is the current spec's, and the first: the revision was created from it, and a revert of the
// spec restores it.
func (r Record) WithSource(hash string) Record {
	r.Sources = append(slices.Clone(r.Sources), hash)
	if excess := len(r.Sources) - MaxSources; excess > 0 {
		r.Sources = slices.Delete(r.Sources, 1, 1+excess)
	}
	return r
}

// Rollout is a rollout of the stack to a revision.
type Rollout struct {
	// Sequence grows by one with each rollout of the stack.
	Sequence  int64                   `json:"sequence"`
	Trigger   v1alpha1.RolloutTrigger `json:"trigger"`
	Outcome   v1alpha1.RolloutOutcome `json:"outcome"`
	StartedAt time.Time               `json:"startedAt"`
	EndedAt   *time.Time              `json:"endedAt,omitempty"`
	Message   string                  `json:"message,omitempty"`
	// Cause is the user's reason for the rollback; empty if the revision's own ChangeCause applies.
	Cause string `json:"cause,omitempty"`
	// Empty says that all components had zero replicas, so the success does not make the
	// revision good (R6).
	Empty bool `json:"empty,omitempty"`
	// Failure is why the rollout failed. It is set when the failure is detected; the outcome
	// stays open until another rollout starts or the pods recover (R14).
	Failure *Failure `json:"failure,omitempty"`
	// ResumedAt is the time from which the progress deadline runs if that is not StartedAt: the
	// end of a pause, or the time at which a Deployment could be written again.
	ResumedAt *time.Time `json:"resumedAt,omitempty"`
	// Arrived are the components that were complete at some time during the rollout. Pods that they
	// lose later do not count against the progress deadline (R6).
	Arrived []string `json:"arrived,omitempty"`
	// From is the number of the failed revision that an automatic rollback replaces; 0 for other
	// rollouts.
	From int64 `json:"from,omitempty"`
	// Declared is set if the spec selected this revision after an automatic rollback to it (R10).
	Declared bool `json:"declared,omitempty"`

	// Revision is the number of the rollout's revision. It is not stored, as the record belongs
	// to that revision.
	Revision int64 `json:"-"`
}

// Ended returns the end of the rollout, or its start if no end is recorded.
func (r Rollout) Ended() time.Time {
	if r.EndedAt == nil {
		return r.StartedAt
	}
	return *r.EndedAt
}

// Good reports whether the rollout proves that its revision works.
func (r Rollout) Good() bool {
	return r.Outcome == v1alpha1.OutcomeSucceeded && !r.Empty
}
