// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// TestStopped checks when rollouts are stopped: during a pause, and after it until it is known
// which revision the spec resolves to.
func TestStopped(t *testing.T) {
	stack := func(paused bool) *v1alpha1.AppStack {
		return &v1alpha1.AppStack{
			ObjectMeta: metav1.ObjectMeta{Name: "shop", UID: "stack"},
			Spec:       v1alpha1.AppStackSpec{Paused: paused},
		}
	}
	deployment := func(paused bool, owners ...metav1.OwnerReference) model.Children {
		children := model.Children{}
		children.Put(model.KindDeployment, &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "shop", OwnerReferences: owners}, Spec: appsv1.DeploymentSpec{Paused: paused},
		})
		return children
	}
	owned := naming.Owner(stack(false))
	waiting := model.Answers{Waiting: "my-app:3"}
	tests := map[string]struct {
		state model.State
		want  bool
	}{
		"R16a paused":                         {model.State{Stack: stack(true)}, true},
		"R16a not paused":                     {model.State{Stack: stack(false), Children: deployment(false, owned)}, false},
		"R16a the end of a pause":             {model.State{Stack: stack(false), Children: deployment(true, owned)}, false},
		"R16a the end of a pause, and a wait": {model.State{Stack: stack(false), Children: deployment(true, owned), Answers: waiting}, true},
		"R21 a wait without a pause":          {model.State{Stack: stack(false), Children: deployment(false, owned), Answers: waiting}, false},
		"R26 others' pause":                   {model.State{Stack: stack(false), Children: deployment(true), Answers: waiting}, false},
		"R16a paused, whatever is waited for": {model.State{Stack: stack(true), Children: deployment(false, owned), Answers: waiting}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.state.Stopped(); got != test.want {
				t.Errorf("stopped is %t, want %t", got, test.want)
			}
		})
	}
}
