// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	. "github.com/appstack-dev/appstack/test/fixture"
)

func TestConflict(t *testing.T) {
	foreign := metav1.OwnerReference{APIVersion: "apps/v1", Kind: "Rollout", Name: "other", UID: "x", Controller: ptr.To(true)}
	with := func(owners []metav1.OwnerReference, labels map[string]string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: Namespace, Name: "shop", UID: "live", Labels: labels, OwnerReferences: owners}
	}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "shop"}}
	adopt := Annotation(v1alpha1.AnnotationAdopt, "true")
	tests := map[string]struct {
		options []Option
		there   model.Children
		want    string
	}{
		"R26 a Deployment of someone else": {
			nil, Children(&appsv1.Deployment{
				ObjectMeta: with([]metav1.OwnerReference{foreign}, nil), Spec: appsv1.DeploymentSpec{Selector: selector},
			}),
			`Deployment "shop" exists and belongs to Rollout "other": delete it, or rename the stack`,
		},
		"R26 one that a controller owns cannot be adopted": {
			[]Option{adopt}, Children(&appsv1.Deployment{
				ObjectMeta: with([]metav1.OwnerReference{foreign}, nil), Spec: appsv1.DeploymentSpec{Selector: selector},
			}),
			`Deployment "shop" exists and belongs to Rollout "other": delete it, or rename the stack`,
		},
		"R26 an autoscaler cannot be adopted": {
			[]Option{adopt, Unmanaged(), func(s *v1alpha1.AppStack) { s.Spec.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 3} }},
			Children(&autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: with(nil, nil)}),
			`HorizontalPodAutoscaler "shop" exists and is not owned by this stack: delete it, or rename the stack`,
		},
		"R26 an adoptable Service without the annotation": {
			nil, Children(&corev1.Service{ObjectMeta: with(nil, nil)}),
			`Service "shop" exists and is not owned by this stack: delete it, rename the stack, or set the annotation ` +
				`apps.appstack.dev/adopt=true on the stack to adopt it; or set ports to [] to have no Service`,
		},
		"R26 a copy with the stack's labels is not the stack's": {
			nil, Children(&policyv1.PodDisruptionBudget{ObjectMeta: with(nil, naming.Labels("shop", "worker"))}),
			`PodDisruptionBudget "shop" exists and is not owned by this stack: delete it, or rename the stack`,
		},
		"R26 a Deployment whose selector cannot be kept": {
			[]Option{adopt}, Children(&appsv1.Deployment{
				ObjectMeta: with(nil, nil),
				Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
					{Key: "app", Operator: metav1.LabelSelectorOpExists},
				}}},
			}),
			`Deployment "shop" selects its pods by matchExpressions, which cannot be adopted: ` +
				`delete it with --cascade=orphan, or rename the stack`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := planFor(model.State{Stack: Stack("shop", test.options...), Children: test.there})
			if got.Problem == nil || got.Problem.Reason != v1alpha1.ReasonNameConflict || got.Problem.Message != test.want {
				t.Errorf("problem is %+v, want NameConflict: %s", got.Problem, test.want)
			}
			if got.Start != nil || len(got.Steps) > 0 {
				t.Errorf("something is written: %v, %v", got.Start, got.Steps)
			}
		})
	}
}

func TestAdoption(t *testing.T) {
	state := model.State{
		Stack: Stack("shop", Annotation(v1alpha1.AnnotationAdopt, "true")),
		Children: Children(
			&appsv1.Deployment{
				ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: "shop", UID: "live"},
				Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "shop"}}},
			},
			&corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: "shop", UID: "svc"},
				Spec:       corev1.ServiceSpec{Selector: map[string]string{"tier": "web"}},
			},
		),
	}
	first := planFor(state)
	if first.Problem != nil || first.Start == nil || first.Start.Verb() != "Create" {
		t.Fatalf("R26 the plan is %+v, want a revision", first)
	}
	rev := first.Start.Revision
	labels := rev.Content.Components[0].Template.Labels
	if labels["app"] != "shop" || labels["tier"] != "web" {
		t.Errorf("R26 pods have the labels %v: the selectors of the existing Deployment and Service do not match", labels)
	}
	state.Revisions = []model.Revision{rev}
	lines := stepsOf(state)
	want := []string{
		"Update Deployment shop: Deployment shop is adopted: it was there before the stack",
		"Create PodDisruptionBudget shop: component main of revision 1 needs it",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("R26 the Service waits for the rollout's end (-want +got):\n%s", diff)
	}
}

func TestPredecessorIsWaitedFor(t *testing.T) {
	state := settled()
	state.Predecessor = `Deployment "shop"`
	state.Stack.Spec.Image = "my-app:2"
	if steps := stepsOf(state); len(steps) > 0 {
		t.Errorf("R26 steps %v, want none", steps)
	}
}

func TestRemovalsSpareCopies(t *testing.T) {
	state := settled()
	copied := state.Children.Deployment("shop").DeepCopy()
	copied.Name, copied.OwnerReferences = "shop-copy", nil
	state.Children.Put(model.KindDeployment, copied)
	if steps := stepsOf(state); len(steps) > 0 {
		t.Errorf("R26 steps for a copy with the stack's labels: %v, want none", steps)
	}
	stray := state.Children.Deployment("shop").DeepCopy()
	stray.Name = "shop-stray"
	state.Children.Put(model.KindDeployment, stray)
	want := []string{"Delete Deployment shop-stray: Deployment shop-stray is no longer needed"}
	if diff := cmp.Diff(want, stepsOf(state)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}
