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

// Failure is the failure report of a rollout (R18). Its JSON form is stored, so fields are only
// ever added.
type Failure struct {
	// Reason is one of v1alpha1's failure reasons.
	Reason string `json:"reason"`
	// Cause is the symptom at the time when a deadline passed, in one word; empty for other
	// failures.
	Cause string `json:"cause,omitempty"`
	// Component is the name of the component that failed.
	Component string `json:"component,omitempty"`
	// Pod and Container are the most relevant ones; empty if there are none.
	Pod       string `json:"pod,omitempty"`
	Container string `json:"container,omitempty"`
	// ExitCode is the container's last exit code; nil if there is none.
	ExitCode *int32 `json:"exitCode,omitempty"`
	// Message has the details, including the last output of the container.
	Message string `json:"message,omitempty"`
	// Advice tells users what to change so that the same content can succeed. Its text is the
	// same for each attempt. It is empty if nothing is known to help.
	Advice string `json:"advice,omitempty"`
	// At is the time at which the failure was detected.
	At time.Time `json:"at"`
}

// maxCause is the maximum length of the cause in a summary, in bytes: two summaries fit into
// the message of a condition, with advice. The message has the full text.
const maxCause = 400

// Summary returns the failure without details that vary between pods or attempts, so that it
// can be the message of a condition (R19).
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

// ban returns the reason why the API server forbids pods, such as a Pod Security violation: the
// part of its message after the pod's name.
func (f Failure) ban() string {
	if f.Reason != v1alpha1.FailureReplicaFailure {
		return ""
	}
	_, ban, _ := strings.Cut(f.Message, " is forbidden: ")
	return ban
}

// Details returns the message and the advice.
func (f Failure) Details() string {
	if f.Message == "" || f.Advice == "" {
		return f.Message + f.Advice
	}
	return f.Message + "; " + f.Advice
}

// String returns the summary and the details.
func (f Failure) String() string {
	return strings.TrimSuffix(f.summary(f.Cause)+": "+f.Details(), ": ")
}

// Failed reports whether the rollout has failed and has not recovered since.
func (r Rollout) Failed() bool {
	return r.Failure != nil && r.Outcome != v1alpha1.OutcomeSucceeded
}

// Open reports whether the rollout has not ended. A failed rollout without a rollback target
// stays open, because its pods may still recover (R14).
func (r Rollout) Open() bool {
	return r.Outcome == v1alpha1.OutcomeProgressing
}

// DeadlineFrom returns the time from which the progress deadline runs.
func (r Rollout) DeadlineFrom() time.Time {
	if r.ResumedAt != nil && r.ResumedAt.After(r.StartedAt) {
		return *r.ResumedAt
	}
	return r.StartedAt
}

// Abandoned returns the number of the revision that the stack was automatically rolled back
// from, which is not rolled out again just because the spec still asks for it (R12); 0 if there
// is none.
func (r Rollout) Abandoned() int64 {
	if r.Trigger == v1alpha1.TriggerAutoRollback && !r.Declared {
		return r.From
	}
	return 0
}
