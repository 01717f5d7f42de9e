// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package rollout_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/rollout"
)

func TestOf(t *testing.T) {
	three := int32(3)
	tests := map[string]struct {
		status appsv1.DeploymentStatus
		want   rollout.Progress
	}{
		"R6 the spec is not observed": {
			appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 3},
			rollout.Progress{Message: "shop: the change is not observed by the Deployment controller yet"},
		},
		"R6 new pods are missing": {
			appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 4, UpdatedReplicas: 1, AvailableReplicas: 3},
			rollout.Progress{Message: "shop: 1 of 3 new pods created"},
		},
		"R6 old pods are left": {
			appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 4, UpdatedReplicas: 3, AvailableReplicas: 4},
			rollout.Progress{Message: "shop: pods of earlier revisions still terminating: 1"},
		},
		"R6 new pods are not available": {
			appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, ReadyReplicas: 3, AvailableReplicas: 2},
			rollout.Progress{Message: "shop: 2 of 3 new pods available"},
		},
		"R6 complete": {
			appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 3},
			rollout.Progress{Complete: true, Message: "shop: 3 of 3 pods available"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := rollout.Of(&appsv1.Deployment{
				ObjectMeta: metav1.ObjectMeta{Name: "shop", Generation: 2},
				Spec:       appsv1.DeploymentSpec{Replicas: &three},
				Status:     test.status,
			})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Of (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNeedsTemplates(t *testing.T) {
	tests := map[string]struct {
		now     int
		changes []change
		want    bool
	}{
		"R17 long before the deadline":         {1, nil, false},
		"R17 shortly before the deadline":      {598, nil, false},
		"R17 at the deadline":                  {599, nil, true},
		"R16a after a pause":                   {600, []change{resumed(100)}, false},
		"R14 a failed rollout":                 {1, []change{func(in *rollout.Input) { in.Rollout.Failure = &model.Failure{} }}, true},
		"R17 pods are rejected":                {1, []change{has(replicaFailure(0))}, true},
		"R17 a missing Deployment":             {1, []change{func(in *rollout.Input) { in.Components[0].Deployment = nil }}, false},
		"R17 a Deployment that makes progress": {1, []change{progress("ReplicaSetUpdated", 0)}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(test.now, test.changes...)
			deployments := map[string]*appsv1.Deployment{"shop": in.Components[0].Deployment}
			if got := rollout.NeedsTemplates(in.Rollout, in.Policy.Deadline, deployments, in.Observations, in.Now); got != test.want {
				t.Errorf("NeedsTemplates = %t, want %t", got, test.want)
			}
		})
	}
}
