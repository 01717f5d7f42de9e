// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import "time"

// Plan lists what to do about a State, and why.
type Plan struct {
	// Start starts a rollout; nil if none starts. After it, the stack is planned again.
	Start *StartRollout
	// Steps maintain what runs and repair drift, in the order of execution. They are carried
	// out if no rollout starts, or if its start is rejected.
	Steps []Step
	// Rollout is the newest rollout; nil before the first.
	Rollout *Rollout
	// Phase is the phase of the rollout; empty if there is none.
	Phase Phase
	// Components are the desired components, with their operation.
	Components []Desired
	// Problem is a terminal error; nil if there is none.
	Problem *Problem
	// Asks are the questions that have to be answered first. Until then, nothing else is
	// planned.
	Asks Questions
	// LooksUp is the image that is being resolved for the next revision; empty if none is.
	LooksUp string
	// Gathers describes changes of ConfigMaps whose release waits a moment for further changes;
	// empty if there are none.
	Gathers string
	// Brief is the time for which the status of the plan is held back, because a newer one is
	// expected; 0 if it is written at once.
	Brief time.Duration
	// Waits describes what the rollout waits for; empty if it waits for nothing.
	Waits string
	// Wait is the time until the next reconcile is due without an event, for example for a
	// deadline or a backoff; 0 if none is.
	Wait time.Duration
	// Held is set if spec.paused delays a rollout.
	Held bool
}

// Settled reports whether the stack has reached its desired state: nothing has to be written, no
// image is being resolved, and there is no problem.
func (p Plan) Settled() bool {
	return p.Start == nil && len(p.Steps) == 0 && p.Problem == nil && p.LooksUp == "" && p.Gathers == "" && p.Brief == 0
}

// Desired is a component that has to run, with its operation.
type Desired struct {
	Component
	Operation
	// Revision is the number of the component's revision.
	Revision int64
	// Retiring says that the target revision does not have the component any more.
	Retiring bool
	// Joining says that the component is new, while other components of the stack serve
	// already.
	Joining bool
	// Admitted is the image that admission control set instead of the revision's image; empty if it
	// did not change the image.
	Admitted string
}

// Sooner returns the shorter of two durations until the next reconcile is due. 0 means never.
func Sooner(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}

// Problem is a terminal error: only a user can fix it.
type Problem struct {
	// Reason is the reason of the condition Stalled.
	Reason string
	// Message tells what is wrong and how to fix it.
	Message string
}

// Outcome is the result of applying a Plan.
type Outcome struct {
	// Current is set if a live read has confirmed that the plan is for the current version of the
	// stack.
	Current bool
	// Done are the steps that took effect.
	Done []Step
	// Problem is why the plan could not be carried out, such as a rejection; nil if there is no
	// such error.
	Problem *Problem
	// Retry is the time until a rejected step is due again; 0 if none was rejected.
	Retry time.Duration
	// Predecessor names an object of a deleted stack of the same name that is still there;
	// empty if there is none.
	Predecessor string
	// Trouble describes a failed step that is tried again; its text does not change between
	// attempts. It is empty if none failed.
	Trouble string
	// Behind says that the cache does not show a created object yet.
	Behind bool
	// Again says that another reconcile is due, and no event will trigger it.
	Again bool
}
