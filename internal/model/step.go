// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// Step is one operation of a plan: a StartRollout, an UpdateRevision, a WriteChild, a Delete,
// a CopyConfig or an AdoptCopy.
type Step interface {
	fmt.Stringer

	// About returns the reason for the step.
	About() Why
	// Verb is the action of the step in one word, for logs.
	Verb() string
	// Target identifies what the step writes.
	Target() Target
	// Object identifies the object that the step was planned for.
	Object() ObjectID
	// Asked identifies the request, to remember its rejection.
	Asked() Asked
}

// Why is the reason for a step.
type Why struct {
	// Reason is a text for the log, and for an event if Event is set.
	Reason string
	// Event is the reason of the Kubernetes event for the step; empty if the step has none.
	Event string
}

// About implements Step.
func (w Why) About() Why { return w }

// ObjectID identifies the version of an object that a step was planned for.
type ObjectID struct {
	Kind Kind
	Name string
	// UID and ResourceVersion are empty if the object is to be created.
	UID             types.UID
	ResourceVersion string
}

// Object implements Step.
func (o ObjectID) Object() ObjectID { return o }

// Creates reports whether the object is to be created.
func (o ObjectID) Creates() bool { return o.UID == "" && o.ResourceVersion == "" }

// Target returns the target of a write of the object.
func (o ObjectID) Target() Target { return Target{Kind: o.Kind, Name: o.Name} }

// line formats a step for logs and transcripts.
func line(step Step) string {
	object := step.Object()
	return fmt.Sprintf("%s %s %s: %s", step.Verb(), object.Kind, object.Name, step.About().Reason)
}

// Asked identifies a request. A request that the API server has rejected is not repeated at
// once.
type Asked struct {
	// Hash is the hash of the request; empty if its rejection is not remembered.
	Hash string
	// Basis is what else decides whether the API server accepts the request: the object that it
	// is for; for the start of a rollout, the stack with its whole spec and its existing
	// children.
	Basis string
}

// StartRollout starts a rollout: it creates the revision, or adds the rollout to the record of
// an existing one. The API server first has to accept all writes of the rollout in dry runs
// (R4).
type StartRollout struct {
	Why
	// ObjectID identifies the ControllerRevision, which is created if the revision is new.
	ObjectID
	// Revision is the revision to write. Its last rollout is the one that starts. After the
	// step it is the revision as stored.
	Revision Revision
	// Ended is the rollout that this one supersedes; nil if there is none.
	Ended *Rollout
	// DryRuns are the child writes for which dry runs are made first.
	DryRuns []WriteChild
	// Copies are the copies of ConfigMaps that the revision names and that do not exist yet. They
	// are created before the revision.
	Copies []CopyConfig
	// Basis is the basis in Asked.
	Basis string
}

// Rollout returns the rollout that starts.
func (s StartRollout) Rollout() Rollout {
	return s.Revision.Record.Rollouts[len(s.Revision.Record.Rollouts)-1]
}

// Verb implements Step.
func (s StartRollout) Verb() string {
	if s.Creates() {
		return "Create"
	}
	return "Update"
}

// Target returns the revision as the target of a rollout start, separate from its other writes.
func (s StartRollout) Target() Target {
	target := s.ObjectID.Target()
	target.Rollout = true
	return target
}

// Asked identifies the step by the content.
func (s StartRollout) Asked() Asked {
	return Asked{Hash: s.Revision.Record.ContentHash, Basis: s.Basis}
}

func (s StartRollout) String() string { return line(s) }

// UpdateRevision updates the record of a revision.
type UpdateRevision struct {
	Why
	// Revision is the revision to write. After the step it is the revision as stored.
	Revision Revision
	// Ended is the rollout that the step ends or marks as failed; nil if there is none.
	Ended *Rollout
	// Settles says that the step records a success and nothing else, which is valid whatever
	// the spec asks for by now.
	Settles bool
}

// Verb implements Step.
func (UpdateRevision) Verb() string { return "Update" }

// Object implements Step.
func (s UpdateRevision) Object() ObjectID { return s.Revision.ObjectID() }

// Target implements Step.
func (s UpdateRevision) Target() Target { return s.Object().Target() }

// Asked returns the empty value: rejections are not remembered, but handled like other errors.
func (UpdateRevision) Asked() Asked { return Asked{} }

func (s UpdateRevision) String() string { return line(s) }

// WriteChild creates a child, or updates it to its desired state.
type WriteChild struct {
	Why
	ObjectID
	// Form is the object to write: a Replaced or an Applied.
	Form Form
	// Hash is the hash of the object to write.
	Hash string
	// Undone is the change by somebody else that the write reverts. Its manager is determined
	// when the step is carried out.
	Undone Change
}

// Verb implements Step.
func (s WriteChild) Verb() string {
	if s.Creates() {
		return "Create"
	}
	return "Update"
}

// Asked identifies the step by the object to write, with the existing object as the basis.
func (s WriteChild) Asked() Asked { return Asked{Hash: s.Hash, Basis: string(s.UID)} }

func (s WriteChild) String() string { return line(s) }

// Form is how a child is written: Replaced or Applied.
type Form interface{ form() }

// Replaced is a Deployment whose whole pod template each write replaces, which removes what
// others added to it (R28).
type Replaced struct {
	Deployment *appsv1.Deployment
	// Initial is the replica count at creation if the spec leaves the number to others.
	Initial *int32
}

// Applied is a child that is written by server-side apply, which preserves what others own in
// it (R28).
type Applied struct {
	Config runtime.ApplyConfiguration
	// TakesPorts says that a Service has ports of others that are in the way, so that the
	// operator has to take over the ownership of its ports.
	TakesPorts bool
}

func (Replaced) form() {}
func (Applied) form()  {}

// Delete deletes a child or a revision.
type Delete struct {
	Why
	ObjectID
}

// Verb implements Step.
func (Delete) Verb() string { return "Delete" }

// Asked identifies the step by the object's UID.
func (s Delete) Asked() Asked { return Asked{Hash: string(s.UID)} }

func (s Delete) String() string { return line(s) }

// CopyConfig creates the copy of a ConfigMap (R31).
type CopyConfig struct {
	Why
	Copy    ConfigCopy
	Content ConfigMap
}

// Verb implements Step.
func (CopyConfig) Verb() string { return "Create" }

// Object implements Step.
func (s CopyConfig) Object() ObjectID { return ObjectID{Kind: KindConfigMap, Name: s.Copy.Name} }

// Target implements Step.
func (s CopyConfig) Target() Target { return s.Object().Target() }

// Asked identifies the step by the content.
func (s CopyConfig) Asked() Asked { return Asked{Hash: s.Copy.Hash} }

func (s CopyConfig) String() string { return line(s) }

// AdoptCopy makes the stack the controller of a copy of a ConfigMap again (R26).
type AdoptCopy struct {
	Why
	ObjectID
	// ContentHash is the hash of the content that the copy must have: somebody may have replaced it.
	ContentHash string
}

// Verb implements Step.
func (AdoptCopy) Verb() string { return "Update" }

// Asked identifies the step by the object's UID.
func (s AdoptCopy) Asked() Asked { return Asked{Hash: string(s.UID)} }

func (s AdoptCopy) String() string { return line(s) }

// RevisionOf returns the revision that the step writes, or nil.
func RevisionOf(step Step) *Revision {
	switch step := step.(type) {
	case StartRollout:
		return &step.Revision
	case UpdateRevision:
		return &step.Revision
	}
	return nil
}

// EndedBy returns the rollout that the step ends or marks as failed, or nil.
func EndedBy(step Step) *Rollout {
	switch step := step.(type) {
	case StartRollout:
		return step.Ended
	case UpdateRevision:
		return step.Ended
	}
	return nil
}
