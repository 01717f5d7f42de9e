// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// Step is one operation of a plan: a StartRollout, an UpdateRevision, a WriteChild or a Delete.
type Step interface {
	fmt.Stringer

	// About says why the step is taken.
	About() Why
	// Verb is what the step does, in one word.
	Verb() string
	// Target is what the step writes.
	Target() Target
	// Object is the object that the step was planned for.
	Object() ObjectID
	// Asked says what a refusal of the step is remembered by.
	Asked() Asked
}

// Why is the reason of a step.
type Why struct {
	// Reason in words: it is logged, and told as an event where Event is set.
	Reason string
	// Event is the reason of the event that tells users of the step; empty where none does.
	Event string
}

// About is the reason itself.
func (w Why) About() Why { return w }

// ObjectID names an object as a step was planned for it.
type ObjectID struct {
	Kind Kind
	Name string
	// UID and ResourceVersion are empty where the object is to be created.
	UID             types.UID
	ResourceVersion string
}

// Object is the object itself.
func (o ObjectID) Object() ObjectID { return o }

// Creates says whether the object is to be created.
func (o ObjectID) Creates() bool { return o.UID == "" && o.ResourceVersion == "" }

// Target is what is written of the object.
func (o ObjectID) Target() Target { return Target{Kind: o.Kind, Name: o.Name} }

// line is what logs and transcripts show of a step.
func line(step Step) string {
	object := step.Object()
	return fmt.Sprintf("%s %s %s: %s", step.Verb(), object.Kind, object.Name, step.About().Reason)
}

// Asked tells one request from another. Where the API server has refused one, the same
// is not asked again at once.
type Asked struct {
	// Hash is that of what is asked; empty where a refusal is not remembered.
	Hash string
	// Basis is what else decides whether the API server takes it: the object that it is
	// for; for a rollout the stack with its spec whole, and the children that there are.
	Basis string
}

// StartRollout starts a rollout, once the API server has accepted in dry runs what
// the rollout consists of (R4): it creates the revision, or records in an existing
// one that it is rolled out again.
type StartRollout struct {
	Why
	// ObjectID is the revision's record; that of a new revision is created.
	ObjectID
	// Revision, whose last rollout is the one that starts; in a step that took effect,
	// as it is stored.
	Revision Revision
	// Ended is the rollout that ends with this one; nil where none does.
	Ended *Rollout
	// DryRuns are the writes of children that are tried first.
	DryRuns []WriteChild
	// Basis is that of Asked.
	Basis string
}

// Rollout is the one that starts.
func (s StartRollout) Rollout() Rollout {
	return s.Revision.Record.Rollouts[len(s.Revision.Record.Rollouts)-1]
}

// Verb is what the step does.
func (s StartRollout) Verb() string {
	if s.Creates() {
		return "Record"
	}
	return "Annotate"
}

// Target is the record, but apart from other writes of it.
func (s StartRollout) Target() Target {
	target := s.ObjectID.Target()
	target.Rollout = true
	return target
}

// Asked is the content.
func (s StartRollout) Asked() Asked {
	return Asked{Hash: s.Revision.Record.ContentHash, Basis: s.Basis}
}

func (s StartRollout) String() string { return line(s) }

// UpdateRevision updates what is recorded of a revision.
type UpdateRevision struct {
	Why
	// Revision as it is to be; in a step that took effect, as it is stored.
	Revision Revision
	// Ended is the rollout that the step ends, or finds to have failed; nil where it does not.
	Ended *Rollout
	// Settles says that the step records a success, and nothing else: that is so
	// whatever the spec asks for by now.
	Settles bool
}

// Verb is what the step does.
func (UpdateRevision) Verb() string { return "Annotate" }

// Object is the record of the revision.
func (s UpdateRevision) Object() ObjectID { return s.Revision.ObjectID() }

// Target is the record.
func (s UpdateRevision) Target() Target { return s.Object().Target() }

// Asked is empty: a refusal is an error like any other.
func (UpdateRevision) Asked() Asked { return Asked{} }

func (s UpdateRevision) String() string { return line(s) }

// WriteChild creates a child, or makes it again what it is to be.
type WriteChild struct {
	Why
	ObjectID
	// Form is what is written: a Replaced or an Applied.
	Form Form
	// Hash is that of what is written.
	Hash string
	// Undone is what somebody else changed since the child was last written. Who did is
	// found out when the step is carried out.
	Undone Change
}

// Verb is what the step does.
func (s WriteChild) Verb() string {
	if s.Creates() {
		return "Create"
	}
	return "Update"
}

// Asked is what is written, of the object that is there.
func (s WriteChild) Asked() Asked { return Asked{Hash: s.Hash, Basis: string(s.UID)} }

func (s WriteChild) String() string { return line(s) }

// Form is how a child is written: Replaced or Applied.
type Form interface{ form() }

// Replaced is a Deployment that is the stack's whole, so that what others added to
// its pod template goes (R28).
type Replaced struct {
	Deployment *appsv1.Deployment
	// Initial is the number of pods that it is created with where the spec leaves the
	// number to others.
	Initial *int32
}

// Applied is a child that is written by server-side apply: what others own in it stays (R28).
type Applied struct {
	Config runtime.ApplyConfiguration
	// TakesPorts says that a Service has ports of others that are in the way of the stack's.
	TakesPorts bool
}

func (Replaced) form() {}
func (Applied) form()  {}

// Delete deletes a child or a revision.
type Delete struct {
	Why
	ObjectID
}

// Verb is what the step does.
func (Delete) Verb() string { return "Delete" }

// Asked is that the object goes.
func (s Delete) Asked() Asked { return Asked{Hash: string(s.UID)} }

func (s Delete) String() string { return line(s) }

// RevisionOf is the revision that the step writes, or nil.
func RevisionOf(step Step) *Revision {
	switch step := step.(type) {
	case StartRollout:
		return &step.Revision
	case UpdateRevision:
		return &step.Revision
	}
	return nil
}

// EndedBy is the rollout that the step ends, or finds to have failed; nil where it does neither.
func EndedBy(step Step) *Rollout {
	switch step := step.(type) {
	case StartRollout:
		return step.Ended
	case UpdateRevision:
		return step.Ended
	}
	return nil
}
