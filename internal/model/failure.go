// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// Failure is the autopsy of a rollout that failed (R18). Its JSON form is
// stored, so fields are only ever added.
type Failure struct {
	// Reason is one of v1alpha1's failure reasons.
	Reason string `json:"reason"`
	// Cause is what was seen to be wrong when a deadline passed, in one word.
	Cause string `json:"cause,omitempty"`
	// Component that failed.
	Component string `json:"component,omitempty"`
	// Pod and Container show the failure best; empty where none does.
	Pod       string `json:"pod,omitempty"`
	Container string `json:"container,omitempty"`
	// ExitCode is the container's last one.
	ExitCode *int32 `json:"exitCode,omitempty"`
	// Message has the details, and the container's last words.
	Message string `json:"message,omitempty"`
	// Advice is what to change so that the same content can succeed, in words that
	// stay the same from one try to the next; empty where nothing is known to help.
	Advice string `json:"advice,omitempty"`
	// At is when the rollout was found to have failed.
	At time.Time `json:"at"`
}

// maxCause is how many bytes of a cause a summary has: two of them fit into a
// condition, with what there is to do about it. The rest is in the message.
const maxCause = 400

// Summary says what failed without anything that changes from one pod or one
// try to the next, so that it can stand in a condition (R19).
func (f Failure) Summary() string {
	return f.summary(Truncate(cmp.Or(f.Cause, f.ban()), maxCause))
}

func (f Failure) summary(cause string) string {
	where := "component " + f.Component
	if f.Container != "" {
		where += ", container " + f.Container
	}
	summary := where + ": " + f.Reason
	if cause != "" {
		summary += " (" + cause + ")"
	}
	if f.ExitCode != nil {
		summary += fmt.Sprintf(", exit code %d", *f.ExitCode)
	}
	return summary
}

// ban is why no pod may be created, such as what Pod Security has against them:
// what follows the name of the one that was tried.
func (f Failure) ban() string {
	if f.Reason != v1alpha1.FailureReplicaFailure {
		return ""
	}
	_, ban, _ := strings.Cut(f.Message, " is forbidden: ")
	return ban
}

// Details is the message with the advice.
func (f Failure) Details() string {
	if f.Message == "" || f.Advice == "" {
		return f.Message + f.Advice
	}
	return f.Message + "; " + f.Advice
}

// String is the summary with the details.
func (f Failure) String() string {
	return strings.TrimSuffix(f.summary(f.Cause)+": "+f.Details(), ": ")
}

// Failed says whether the rollout was found to fail, and has not recovered since.
func (r Rollout) Failed() bool {
	return r.Failure != nil && r.Outcome != v1alpha1.OutcomeSucceeded
}

// Open says whether the rollout has not ended: where it failed and nothing can
// be gone back to, its pods may recover still (R14).
func (r Rollout) Open() bool {
	return r.Outcome == v1alpha1.OutcomeProgressing
}

// DeadlineFrom is when the time for its progress begins to run.
func (r Rollout) DeadlineFrom() time.Time {
	if r.ResumedAt != nil && r.ResumedAt.After(r.StartedAt) {
		return *r.ResumedAt
	}
	return r.StartedAt
}

// Abandoned is the number of the revision that the stack was automatically
// rolled back from, and that is not to be tried again just because the spec
// still asks for it (R12); 0 where there is none.
func (r Rollout) Abandoned() int64 {
	if r.Trigger == v1alpha1.TriggerAutoRollback && !r.Declared {
		return r.From
	}
	return 0
}
