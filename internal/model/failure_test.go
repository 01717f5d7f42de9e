// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestFailureInWords(t *testing.T) {
	crash := model.Failure{
		Reason: v1alpha1.FailureCrashLoopBackOff, Component: "worker", Pod: "shop-worker-x7f2", Container: "app",
		ExitCode: ptr.To[int32](0), Message: "the container exited 3 times", At: noon,
	}
	rejected := model.Failure{Reason: v1alpha1.FailureRejected, Component: "main", Message: "quota exceeded", At: noon}
	banned := model.Failure{
		Reason: v1alpha1.FailureReplicaFailure, Component: "main", At: noon,
		Message: `pods "shop-5d8f-x7f2" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostPID=true)`,
	}
	long := banned
	long.Message = `pods "shop-5d8f-x7f2" is forbidden: ` + strings.Repeat("a restricted field; ", 100)
	short := crash
	short.Message = ""
	type words struct{ Summary, String string }
	tests := map[string]struct {
		failure model.Failure
		want    words
	}{
		// neither the pod nor the time: both differ the next time
		"R19 of a container": {crash, words{
			"component worker, container app: CrashLoopBackOff, exit code 0",
			"component worker, container app: CrashLoopBackOff, exit code 0: the container exited 3 times",
		}},
		"R19 of a component": {rejected, words{"component main: Rejected", "component main: Rejected: quota exceeded"}},
		"R30 of pods that are forbidden": {banned, words{
			`component main: ReplicaFailure (violates PodSecurity "baseline:latest": host namespaces (hostPID=true))`,
			`component main: ReplicaFailure: pods "shop-5d8f-x7f2" is forbidden: violates PodSecurity "baseline:latest": ` +
				"host namespaces (hostPID=true)",
		}},
		"R30 of pods that are forbidden for many reasons": {long, words{
			"component main: ReplicaFailure (" + strings.Repeat("a restricted field; ", 19) + "a restricted fiel…)",
			"component main: ReplicaFailure: " + strings.TrimSuffix(long.Message, ": "),
		}},
		"R19 of an earlier one, which is kept without details": {short, words{
			"component worker, container app: CrashLoopBackOff, exit code 0",
			"component worker, container app: CrashLoopBackOff, exit code 0",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, words{test.failure.Summary(), test.failure.String()}); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStateOfARollout(t *testing.T) {
	type state struct{ Open, Failed, Good bool }
	failure := &model.Failure{Reason: v1alpha1.FailureRejected}
	tests := map[string]struct {
		rollout model.Rollout
		want    state
	}{
		"R5 under way":                {model.Rollout{Outcome: v1alpha1.OutcomeProgressing}, state{Open: true}},
		"R14 failed, and may recover": {model.Rollout{Outcome: v1alpha1.OutcomeProgressing, Failure: failure}, state{Open: true, Failed: true}},
		"R14 recovered":               {model.Rollout{Outcome: v1alpha1.OutcomeSucceeded, Failure: failure}, state{Good: true}},
		"R5 succeeded":                {model.Rollout{Outcome: v1alpha1.OutcomeSucceeded}, state{Good: true}},
		"R6 succeeded without pods":   {model.Rollout{Outcome: v1alpha1.OutcomeSucceeded, Empty: true}, state{}},
		"R12 failed, and is over":     {model.Rollout{Outcome: v1alpha1.OutcomeFailed, Failure: failure}, state{Failed: true}},
		"R5 superseded":               {model.Rollout{Outcome: v1alpha1.OutcomeSuperseded}, state{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := state{test.rollout.Open(), test.rollout.Failed(), test.rollout.Good()}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAbandoned(t *testing.T) {
	tests := map[string]struct {
		rollout model.Rollout
		want    int64
	}{
		"R12 what an automatic rollback leaves":   {model.Rollout{Trigger: v1alpha1.TriggerAutoRollback, From: 3}, 3},
		"R10 until its target is asked for":       {model.Rollout{Trigger: v1alpha1.TriggerAutoRollback, From: 3, Declared: true}, 0},
		"R10 a rollback by hand abandons nothing": {model.Rollout{Trigger: v1alpha1.TriggerRollback, From: 3}, 0},
		"R12 nor does a new release":              {model.Rollout{Trigger: v1alpha1.TriggerSpecChanged}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.rollout.Abandoned(); got != test.want {
				t.Errorf("Abandoned = %d, want %d", got, test.want)
			}
		})
	}
}

func TestDeadlineFrom(t *testing.T) {
	before, after := noon.Add(-time.Minute), noon.Add(time.Minute)
	tests := map[string]struct {
		resumed *time.Time
		want    time.Time
	}{
		"R17 from the start":                     {nil, noon},
		"R16a from the end of a pause":           {&after, after},
		"R16a not from a pause before the start": {&before, noon},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := model.Rollout{StartedAt: noon, ResumedAt: test.resumed}.DeadlineFrom()
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("DeadlineFrom (-want +got):\n%s", diff)
			}
		})
	}
}
