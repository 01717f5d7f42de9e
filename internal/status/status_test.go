// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/status"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/sim"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// settled returns the input for a stack whose first rollout has succeeded.
func settled(options ...Option) status.Input {
	world := sim.New()
	world.Apply(Stack("shop", options...))
	world.Settle(30)
	return status.Input{State: world.State(), Now: noon}
}

// planned adds the plan for the current state.
func planned(in status.Input) status.Input {
	answers := in.State.Answers
	in.State.Answers = model.Answers{}
	in.Plan = Planner.Plan(&in.State, in.Now, func(questions model.Questions) model.Answers {
		answers.Release = questions.Release
		return answers
	})
	return in
}

// conditions returns each condition as a line.
func conditions(s v1alpha1.AppStackStatus) map[string]string {
	lines := map[string]string{}
	for _, condition := range s.Conditions {
		lines[condition.Type] = fmt.Sprintf("%s %s: %s", condition.Status, condition.Reason, condition.Message)
	}
	return lines
}

func TestConditions(t *testing.T) {
	const serves = "True PodsAvailable: every component has a pod that serves"
	counts := func(replicas, available int32) func(*status.Input) {
		return func(in *status.Input) {
			s := &in.State.Children.Deployment("shop").Status
			s.Replicas, s.AvailableReplicas, s.ReadyReplicas = replicas, available, available
		}
	}
	spec := func(options ...Option) func(*status.Input) {
		return func(in *status.Input) { With(in.State.Stack, options...) }
	}
	outcome := func(o model.Outcome) func(*status.Input) { return func(in *status.Input) { in.Outcome = o } }
	tests := map[string]struct {
		options []Option
		change  func(*status.Input)
		want    map[string]string
	}{
		"R19 everything runs": {
			nil, func(*status.Input) {},
			map[string]string{"Ready": "True Succeeded: revision 1 runs", "Available": serves},
		},
		"R19 a revision is being created": {
			nil, spec(Image("my-app:2")),
			map[string]string{
				"Ready":       "False Progressing: revision 2: the spec's content changed",
				"Reconciling": "True Progressing: revision 2: the spec's content changed",
				"Available":   serves,
			},
		},
		"R19 scaling": {
			nil, spec(Replicas(5)),
			map[string]string{
				"Ready":       "False Scaling: shop: 5 pods asked for, 3 available",
				"Reconciling": "True Scaling: shop: 5 pods asked for, 3 available",
				"Available":   serves,
			},
		},
		"R6 pods are lost": {
			nil, counts(3, 2),
			map[string]string{"Ready": "False Unavailable: shop: 2 of 3 pods available", "Available": serves},
		},
		"R6 all pods are lost": {
			nil, counts(3, 0),
			map[string]string{
				"Ready":     "False Unavailable: shop: 0 of 3 pods available",
				"Available": "False PodsUnavailable: shop: none of 3 pods is available",
			},
		},
		"R19 pods that an autoscaler adds are not awaited": {
			[]Option{Unmanaged(), func(s *v1alpha1.AppStack) { s.Spec.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 9} }},
			func(in *status.Input) {
				counts(4, 1)(in)
				in.State.Children.Deployment("shop").Spec.Replicas = ptr.To[int32](4)
			},
			map[string]string{"Ready": "True Succeeded: revision 1 runs", "Available": serves},
		},
		"R6 zero replicas are no lack": {
			[]Option{Replicas(0)}, func(*status.Input) {},
			map[string]string{"Ready": "True Succeeded: revision 1 runs", "Available": serves},
		},
		"R6 scaled to zero by others": {
			[]Option{Unmanaged()},
			func(in *status.Input) {
				counts(0, 0)(in)
				in.State.Children.Deployment("shop").Spec.Replicas = ptr.To[int32](0)
			},
			map[string]string{"Ready": "True Succeeded: revision 1 runs", "Available": serves},
		},
		"R30 a request that is tried again": {
			nil, outcome(model.Outcome{Trouble: "Deployment shop: a webhook is down"}),
			map[string]string{
				"Ready":       "False Retrying: Deployment shop: a webhook is down",
				"Reconciling": "True Retrying: Deployment shop: a webhook is down",
				"Available":   serves,
			},
		},
		"R16a paused with a rollout due": {
			nil, spec(Paused(true), Image("my-app:2")),
			map[string]string{
				"Ready":       "False Paused: a rollout is due and paused is set: remove paused to go on",
				"Reconciling": "True Paused: a rollout is due and paused is set: remove paused to go on",
				"Available":   serves,
			},
		},
		"R16a paused with nothing due": {
			nil, spec(Paused(true)),
			map[string]string{"Ready": "True Succeeded: revision 1 runs", "Available": serves},
		},
		"R15 a revision that does not exist": {
			nil, spec(RollbackTo(4, 0)),
			map[string]string{
				"Ready":     "False RevisionNotFound: rollback.toRevision names revision 4, which does not exist: name one of 1, or remove rollback",
				"Stalled":   "True RevisionNotFound: rollback.toRevision names revision 4, which does not exist: name one of 1, or remove rollback",
				"Available": serves,
			},
		},
		"R30 the API server refuses": {
			nil, outcome(model.Outcome{Problem: &model.Problem{Reason: v1alpha1.ReasonRejected, Message: "no"}}),
			map[string]string{"Ready": "False Rejected: no", "Stalled": "True Rejected: no", "Available": serves},
		},
		"R26 a deleted stack of the same name": {
			nil, func(in *status.Input) { in.State.Predecessor = `Service "shop"` },
			map[string]string{
				"Ready":       `False WaitingForDeletion: Service "shop" belongs to a deleted stack of this name, and is about to be deleted`,
				"Reconciling": `True WaitingForDeletion: Service "shop" belongs to a deleted stack of this name, and is about to be deleted`,
				"Available":   "False NotStarted: nothing runs yet",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := settled(test.options...)
			test.change(&in)
			got := status.Compute(planned(in))
			if diff := cmp.Diff(test.want, conditions(got)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			for _, condition := range got.Conditions {
				if condition.ObservedGeneration != in.State.Stack.Generation {
					t.Errorf("R19 %s observed generation %d, want %d",
						condition.Type, condition.ObservedGeneration, in.State.Stack.Generation)
				}
			}
		})
	}
}

func TestNewStack(t *testing.T) {
	got := status.Compute(planned(status.Input{State: model.State{Stack: Stack("shop", Paused(true))}, Now: noon}))
	want := map[string]string{
		"Ready":       "False Paused: a rollout is due and paused is set: remove paused to go on",
		"Reconciling": "True Paused: a rollout is due and paused is set: remove paused to go on",
		"Available":   "False NotStarted: nothing runs yet",
	}
	if diff := cmp.Diff(want, conditions(got)); diff != "" {
		t.Errorf("R19 conditions (-want +got):\n%s", diff)
	}
}

func TestTransitionTimesAreCarriedOver(t *testing.T) {
	in := settled()
	first := status.Compute(planned(in))
	before := meta.FindStatusCondition(first.Conditions, v1alpha1.ConditionReady).LastTransitionTime
	in.State.Stack.Status = first
	in.Now = in.Now.Add(time.Hour)
	again := status.Compute(planned(in))
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("R19 an hour later the status differs (-first +again):\n%s", diff)
	}
	With(in.State.Stack, Image("my-app:2"))
	changed := meta.FindStatusCondition(status.Compute(planned(in)).Conditions, v1alpha1.ConditionReady)
	if !changed.LastTransitionTime.After(before.Time) {
		t.Errorf("R19 Ready turned %s at %s, want a time after %s", changed.Status, changed.LastTransitionTime, before)
	}
}

func TestColumns(t *testing.T) {
	in := settled(Component("worker", 2, nil, "work"))
	got := status.Compute(planned(in))
	type columns struct {
		Image, Summary, Address, Selector string
		Revision, Good                    int64
		Replicas                          int32
	}
	want := columns{
		Image: "my-app:1", Summary: "5/5", Address: "shop.default.svc:80",
		Selector: "apps.appstack.dev/component=main,apps.appstack.dev/stack=shop",
		Revision: 1, Good: 1, Replicas: 3,
	}
	have := columns{
		got.Image, got.ReadySummary, got.Address, got.Selector, got.Revision, got.LastGoodRevision, *got.Replicas,
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("R20 (-want +got):\n%s", diff)
	}
}

func TestAddress(t *testing.T) {
	tests := map[string]struct {
		change func(*corev1.Service)
		want   string
	}{
		"R20 inside the cluster": {func(*corev1.Service) {}, "shop.default.svc:80"},
		"R20 a load balancer's name": {func(s *corev1.Service) {
			s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "lb.example.com", IP: "10.0.0.1"}}
		}, "lb.example.com:80"},
		"R20 a load balancer's IP": {func(s *corev1.Service) {
			s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "10.0.0.1"}}
		}, "10.0.0.1:80"},
		"R20 no ports": {func(s *corev1.Service) { s.Spec.Ports = nil }, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := planned(settled())
			test.change(in.State.Children.Service("shop"))
			if got := status.Compute(in).Address; got != test.want {
				t.Errorf("address is %q, want %q", got, test.want)
			}
		})
	}
}

func TestHistory(t *testing.T) {
	in := settled(Annotation(v1alpha1.AnnotationChangeCause, "first release"))
	in.State.Stack.Status = v1alpha1.AppStackStatus{} // the status was lost
	got := status.Compute(planned(in)).History
	start := metav1.NewTime(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	end := metav1.NewTime(start.Add(2 * time.Second))
	want := []v1alpha1.RolloutStatus{{
		Revision:  1,
		Images:    []v1alpha1.ImageStatus{{Component: "main", Image: "my-app:1"}},
		Cause:     "first release",
		Trigger:   v1alpha1.TriggerSpecChanged,
		Outcome:   v1alpha1.OutcomeSucceeded,
		StartedAt: start,
		EndedAt:   &end,
		Message:   "the stack was created",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("R5 (-want +got):\n%s", diff)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	world := sim.New()
	world.Apply(Stack("shop", HistoryLimit(100)))
	for i := range 30 {
		world.Apply(With(world.Stack().DeepCopy(), Image(fmt.Sprintf("my-app:%d", i))))
		world.Settle(1)
	}
	if got := len(world.Stack().Status.History); got != 20 {
		t.Errorf("status.history has %d entries, want 20", got)
	}
}

func TestPinned(t *testing.T) {
	const digest = "my-app:1@sha256:0000000000000000000000000000000000000000000000000000000000000000"
	got := status.Compute(planned(settled(Image(digest))))
	if !got.History[0].Images[0].Pinned {
		t.Errorf("R1 %s is not shown as pinned", digest)
	}
}
