// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status_test

import (
	"testing"

	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/status"
	. "github.com/appstack-dev/appstack/test/fixture"
)

func TestPressing(t *testing.T) {
	tests := map[string]struct {
		change func(*status.Input)
		want   bool
	}{
		"nothing": {func(*status.Input) {}, false},
		"fewer pods are ready": {func(in *status.Input) {
			in.State.Children.Deployment("shop").Status.ReadyReplicas = 2
		}, false},
		"others have scaled it": {func(in *status.Input) {
			in.State.Children.Deployment("shop").Spec.Replicas = ptr.To[int32](4)
		}, true}, // the spec sets the number, and the stack is scaled back
		"Ready turns": {func(in *status.Input) {
			in.State.Children.Deployment("shop").Status.AvailableReplicas = 2
		}, true},
		"a change is seen":      {func(in *status.Input) { in.State.Stack.Generation++ }, true},
		"a revision is made":    {func(in *status.Input) { With(in.State.Stack, Image("my-app:2")) }, true},
		"someone has to act":    {problem("do this"), true},
		"a write is refused":    {func(in *status.Input) { in.Outcome.Trouble = "the API server does not answer" }, true},
		"a rollout's new words": {func(in *status.Input) { in.State.Revisions[0].Record.Rollouts[0].Message = "new" }, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := settled()
			before := status.Compute(planned(in))
			in.State.Stack.Status = before
			test.change(&in)
			if got := status.Pressing(before, status.Compute(planned(in))); got != test.want {
				t.Errorf("pressing: %v, want %v", got, test.want)
			}
		})
	}
}

// TestPressingWhileScaling checks that a message that counts pods is not pressing, and a changed
// problem is.
func TestPressingWhileScaling(t *testing.T) {
	in := settled()
	in.State.Children.Deployment("shop").Status.AvailableReplicas = 1
	before := status.Compute(planned(in))
	in.State.Children.Deployment("shop").Status.AvailableReplicas = 2
	next := status.Compute(planned(in))
	if conditions(before)[v1alpha1.ConditionReady] == conditions(next)[v1alpha1.ConditionReady] {
		t.Fatalf("the message does not count pods: %v", conditions(next))
	}
	if status.Pressing(before, next) {
		t.Errorf("pressing: %v after %v", conditions(next), conditions(before))
	}
	problem("first do this")(&in)
	before = status.Compute(planned(in))
	problem("then do that")(&in)
	if !status.Pressing(before, status.Compute(planned(in))) {
		t.Error("a changed problem message is not pressing")
	}
}

func problem(message string) func(*status.Input) {
	return func(in *status.Input) {
		in.Outcome.Problem = &model.Problem{Reason: v1alpha1.ReasonRejected, Message: message}
	}
}
