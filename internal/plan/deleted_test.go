// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// TestDeletedChildren checks the event of a created child: that somebody else deleted it, or none
// if it did not exist before.
func TestDeletedChildren(t *testing.T) {
	autoscaled := func(s *v1alpha1.AppStack) {
		s.Spec.Replicas, s.Spec.Autoscaling = nil, &v1alpha1.Autoscaling{MaxReplicas: 5}
	}
	ofType := func(service corev1.ServiceType) Option {
		return func(s *v1alpha1.AppStack) { s.Spec.Service = &v1alpha1.ServiceSpec{Type: service} }
	}
	deleted := func(kind model.Kind, name string) func(*model.State) {
		return func(s *model.State) { s.Children.Remove(kind, name) }
	}
	failed := func(reason string) func(*model.State) {
		return func(s *model.State) {
			s.Children.Remove("PodDisruptionBudget", "shop")
			s.Stack.Status.Conditions = []metav1.Condition{
				{Type: v1alpha1.ConditionReady, Reason: reason, ObservedGeneration: s.Stack.Generation},
			}
		}
	}
	changed := func(options ...Option) func(*model.State) {
		return func(s *model.State) {
			With(s.Stack, options...)
			s.Stack.Generation++
		}
	}
	// rolling starts a rollout of the options.
	rolling := func(options ...Option) func(*model.State) {
		return func(s *model.State) {
			changed(options...)(s)
			s.Revisions = append(s.Revisions, planFor(*s).Start.Revision)
		}
	}
	tests := map[string]struct {
		options []Option
		edit    func(*model.State)
		// want are the reasons of the recreated kinds, one per line
		want string
	}{
		"R28 a Deployment": {nil, deleted(model.KindDeployment, "shop"),
			"Deployment shop was deleted by someone else and is created again: its pods may be new ones"},
		"R28 a Service": {nil, deleted(model.KindService, "shop"),
			"Service shop was deleted by someone else and is created again: its cluster IP may have changed"},
		"R28 a Service with node ports": {[]Option{ofType(corev1.ServiceTypeNodePort)}, deleted(model.KindService, "shop"),
			"Service shop was deleted by someone else and is created again: its cluster IP and its node ports may have changed"},
		"R28 a load balancer": {[]Option{ofType(corev1.ServiceTypeLoadBalancer)}, deleted(model.KindService, "shop"),
			"Service shop was deleted by someone else and is created again: " +
				"its cluster IP and the address of its load balancer may have changed"},
		"R28 an autoscaler": {[]Option{autoscaled}, deleted("HorizontalPodAutoscaler", "shop"),
			"HorizontalPodAutoscaler shop was deleted by someone else and is created again"},
		"R28 a disruption budget": {nil, deleted("PodDisruptionBudget", "shop"),
			"PodDisruptionBudget shop was deleted by someone else and is created again"},
		"R28 a Deployment of another component": {[]Option{Component("worker", 2, nil, "work")}, deleted(model.KindDeployment, "shop-worker"),
			"Deployment shop-worker was deleted by someone else and is created again: its pods may be new ones"},
		"R28 while another rollout is open": {nil, func(s *model.State) {
			rolling(Image("my-app:2"))(s)
			s.Children.Remove(model.KindService, "shop")
		}, "Service shop was deleted by someone else and is created again: its cluster IP may have changed"},
		"R9 what a rollout adds":                {nil, rolling(Component("worker", 2, nil, "work"), Image("my-app:2")), ""},
		"R9 a Service that a rollout adds":      {[]Option{Ports()}, rolling(Ports(80)), ""},
		"R1 an autoscaler that the spec adds":   {nil, changed(autoscaled), ""},
		"R1 a budget that the spec adds":        {[]Option{Replicas(1)}, changed(Replicas(2)), ""},
		"R26 a child whose name was taken":      {nil, failed(v1alpha1.ReasonNameConflict), ""},
		"R30 a child that was rejected":         {nil, failed(v1alpha1.ReasonRejected), ""},
		"R30 a child that could not be written": {nil, failed(v1alpha1.ReasonRetrying), ""},
		"R12 a child of a stack that was rolled back": {nil, failed(v1alpha1.ReasonRolledBack),
			"PodDisruptionBudget shop was deleted by someone else and is created again"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			state := settled(test.options...)
			test.edit(&state)
			var got []string
			created := 0
			for _, step := range planFor(state).Steps {
				if step.Verb() != "Create" {
					continue
				}
				created++
				if (step.About().Event == v1alpha1.EventRecreated) != strings.Contains(step.About().Reason, "deleted") {
					t.Errorf("the event %q has the reason %q", step.About().Event, step.About().Reason)
				}
				if step.About().Event != "" {
					got = append(got, step.About().Reason)
				}
			}
			if created == 0 {
				t.Fatal("nothing is created")
			}
			if strings.Join(got, "\n") != test.want {
				t.Errorf("the reasons are\n%s\nwant\n%s", strings.Join(got, "\n"), test.want)
			}
		})
	}
}

// TestADeploymentOfAFirstRollout checks that no deletion is reported before the first success.
func TestADeploymentOfAFirstRollout(t *testing.T) {
	state := model.State{Stack: Stack("shop")}
	state.Revisions = []model.Revision{planFor(state).Start.Revision}
	for _, step := range planFor(state).Steps {
		if step.Verb() == "Create" && step.About().Event != "" {
			t.Errorf("R28 %s is reported as %s", step, step.About().Event)
		}
	}
}
