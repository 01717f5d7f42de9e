// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// Plan is what is to be done about a State, and why.
type Plan struct {
	// Move starts a rollout, once the API server has accepted what it consists
	// of; nil where none starts. The next plan is for what follows.
	Move *Step
	// Steps keep up what runs, in the order in which they are carried out. They
	// are taken where there is no move, or where it is refused.
	Steps []Step
	// Rollout is the newest one; nil before the first.
	Rollout *Rollout
	// Components that are to run, with how they are run.
	Components []Desired
	// Problem is what only a person can mend; nil where there is none.
	Problem *Problem
	// LooksUp is the image that is looked up for the next revision; empty where none is.
	LooksUp string
	// Waits says in words what the rollout waits for; empty where it waits for nothing.
	Waits string
	// Wait is the time until another look is due though nothing happens, such as
	// for a deadline or for a write that has to wait; 0 where none is.
	Wait time.Duration
	// Held says that spec.paused holds up a rollout.
	Held bool
}

// Settled says whether all that is known to be asked for is done: nothing is left to be
// written, and nothing stands in the way.
func (p Plan) Settled() bool {
	return p.Move == nil && len(p.Steps) == 0 && p.Problem == nil && p.LooksUp == ""
}

// Desired is a component that is to run, and how.
type Desired struct {
	Component
	Operation
	// Revision is the number of the revision that the component is from.
	Revision int64
	// Retiring says that the target revision no longer has the component.
	Retiring bool
	// Joining says that the component is new, while others of the stack serve already.
	Joining bool
	// Admitted is the image that the cluster's admission has the component run in place
	// of the revision's; empty where it runs that.
	Admitted string
}

// Verb is what a step does.
type Verb string

// The verbs of steps.
const (
	// VerbRecord makes a revision.
	VerbRecord Verb = "Record"
	// VerbAnnotate updates what is recorded of a revision.
	VerbAnnotate Verb = "Annotate"
	// VerbCreate writes a child for the first time.
	VerbCreate Verb = "Create"
	// VerbUpdate writes a child that is there.
	VerbUpdate Verb = "Update"
	// VerbDelete deletes a child or a revision.
	VerbDelete Verb = "Delete"
)

// Step is one write, with its reason.
type Step struct {
	Verb Verb
	Kind Kind
	Name string
	// UID is that of the object that the step was planned for; empty in VerbCreate and VerbRecord.
	UID types.UID
	// ResourceVersion is that of the object that the step was planned for.
	ResourceVersion string
	// Reason says why, in words: it is logged, and told as an event where Event is set.
	Reason string
	// Event is the reason of the event that tells users of the step; empty where none does.
	Event string
	// Undone is what somebody else changed since the child was last written. Who did is
	// found out when the step is carried out.
	Undone Change

	// Revision is what VerbRecord and VerbAnnotate write; in a step that took effect, as it is stored.
	Revision *Revision
	// Begun is the rollout that the step starts; nil where it starts none.
	Begun *Rollout
	// Ended is the rollout that the step ends, or finds to have failed; nil where it does not.
	Ended *Rollout
	// Settles says that the step records a success, and nothing else: that is so
	// whatever the spec asks for by now.
	Settles bool
	// Trial are writes of children that are tried without effect first (R4).
	Trial []Step
	// Deployment is what VerbCreate and VerbUpdate write for KindDeployment.
	Deployment *appsv1.Deployment
	// Config is what they apply for the other kinds.
	Config runtime.ApplyConfiguration
	// TakesPorts says that a Service has ports of others that are in the way of the stack's.
	TakesPorts bool
	// Initial is the number of pods that VerbCreate starts with where the spec
	// leaves the number to others.
	Initial *int32
	// Hash is that of Deployment or Config, or of the content of Revision; the UID of what is deleted.
	Hash string
	// Basis is what else decides whether the API server takes the step: the object that
	// it is for; in a move the stack with its spec whole, and the children that there are.
	Basis string
}

// Target is what the step writes.
func (s Step) Target() Target { return Target{Kind: s.Kind, Name: s.Name, Rollout: s.Begun != nil} }

// String is the line that logs and transcripts show.
func (s Step) String() string {
	return fmt.Sprintf("%s %s %s: %s", s.Verb, s.Kind, s.Name, s.Reason)
}

// Sooner is the shorter of two times until another look is due, of which 0 means never.
func Sooner(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}

// Problem is something that only a person can mend.
type Problem struct {
	// Reason is that of the condition Stalled.
	Reason string
	// Message names what is wrong and what to do.
	Message string
}

// Outcome is what became of a Plan.
type Outcome struct {
	// Current says that the stack was seen to be what the plan was made for.
	Current bool
	// Done are the steps that took effect.
	Done []Step
	// Problem is what the cluster had against the plan; nil where nothing.
	Problem *Problem
	// Retry is the time until what was refused is due again; 0 where nothing was.
	Retry time.Duration
	// Predecessor names an object of a deleted stack of the same name, found on the way.
	Predecessor string
	// Trouble is what failed and is tried again, in words that do not change from
	// one try to the next; empty where nothing failed.
	Trouble string
	// Behind says that the cache does not show yet what was made a moment ago.
	Behind bool
	// Again says that no event will follow, and another pass is due.
	Again bool
}
