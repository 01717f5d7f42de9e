// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
)

func TestSourceHash(t *testing.T) {
	base := func() *v1alpha1.AppStack {
		return Stack("shop", Component("worker", 2, nil, "work"), Component("cron", 1, nil, "tick"),
			PodTemplate(`{"metadata":{"annotations":{"a":"1","b":"2"}},"spec":{"priority":9007199254740993}}`))
	}
	tests := map[string]struct {
		change Option
		same   bool
	}{
		"R1 replicas are operation":   {Replicas(7), true},
		"R1 no replicas":              {Unmanaged(), true},
		"R1 autoscaling is operation": {autoscaling, true},
		"R1 a component's replicas":   {func(s *v1alpha1.AppStack) { s.Spec.Components[0].Replicas = ptr.To[int32](9) }, true},
		"R1 the disruption budget": {func(s *v1alpha1.AppStack) {
			s.Spec.DisruptionBudget = &v1alpha1.DisruptionBudget{Disabled: true}
		}, true},
		"R1 the rollout policy": {func(s *v1alpha1.AppStack) {
			s.Spec.Rollout = &v1alpha1.RolloutPolicy{MinReadySeconds: ptr.To[int32](3)}
		}, true},
		"R32 the config policy": {func(s *v1alpha1.AppStack) {
			s.Spec.Config = &v1alpha1.ConfigPolicy{OnChange: v1alpha1.ConfigChangeLive, Live: []string{"app"}}
		}, true},
		"R1 pause":                {Paused(true), true},
		"R1 the history limit":    {HistoryLimit(3), true},
		"R4 restartedAt":          {RestartedAt(time.Unix(0, 0)), true},
		"R10 rollback":            {RollbackTo(2, 1), true},
		"the order of components": {func(s *v1alpha1.AppStack) { c := s.Spec.Components; c[0], c[1] = c[1], c[0] }, true},
		"the layout of podTemplate": {
			PodTemplate(`{"spec": {"priority": 9007199254740993}, "metadata":{"annotations":{"b":"2","a":"1"}}}`), true,
		},
		"an integer beyond a float's reach": {
			PodTemplate(`{"metadata":{"annotations":{"a":"1","b":"2"}},"spec":{"priority":9007199254740992}}`), false,
		},
		"metadata of the stack":               {Annotation("a", "b"), true},
		"R4 the image":                        {Image("my-app:2"), false},
		"R4 a variable":                       {Env("A", "1"), false},
		"R4 a port":                           {Ports(81), false},
		"R4 a component's argument":           {func(s *v1alpha1.AppStack) { s.Spec.Components[0].Args = []string{"rest"} }, false},
		"R4 a component more":                 {Component("extra", 1, nil), false},
		"R4 no components":                    {WithoutComponents(), false},
		"R4 the resources":                    {limits, false},
		"R4 the service account":              {func(s *v1alpha1.AppStack) { s.Spec.ServiceAccountName = "app" }, false},
		"R4 the way an image tag is resolved": {func(s *v1alpha1.AppStack) { s.Spec.ImageResolution = v1alpha1.ImageResolutionTag }, false},
	}
	want := revision.SourceHash(base().Spec)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			changed := With(base(), test.change)
			if got := revision.SourceHash(changed.Spec); (got == want) != test.same {
				t.Errorf("same hash: %v, want %v", got == want, test.same)
			}
		})
	}
}

// TestSourceHashIsStable fails if a hash changes that is recorded in production: all stacks would
// be rolled out again.
func TestSourceHashIsStable(t *testing.T) {
	if got, want := revision.SourceHash(Stack("shop", limits).Spec), "721416f67a6a9049"; got != want {
		t.Errorf("SourceHash = %s, want %s", got, want)
	}
}

func autoscaling(s *v1alpha1.AppStack) {
	s.Spec.Replicas = nil
	s.Spec.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 4}
}

func limits(s *v1alpha1.AppStack) {
	s.Spec.Resources = &corev1.ResourceRequirements{
		Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")},
	}
}
