// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import "time"

// Plan is what is to be done about a State, and why.
type Plan struct {
	// Start starts a rollout; nil where none starts. The next plan is for what follows.
	Start *StartRollout
	// Steps keep up what runs, in the order in which they are carried out. They
	// are taken where no rollout starts, or where its start is refused.
	Steps []Step
	// Rollout is the newest one; nil before the first.
	Rollout *Rollout
	// Phase is that of the rollout; empty where there is none.
	Phase Phase
	// Components that are to run, with how they are run.
	Components []Desired
	// Problem is what only a person can mend; nil where there is none.
	Problem *Problem
	// Asks is what has to be known first: there is no other plan as long as it is not answered.
	Asks Questions
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
	return p.Start == nil && len(p.Steps) == 0 && p.Problem == nil && p.LooksUp == ""
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
