// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

// Kind is the kind of a child.
type Kind string

// The kinds of children, in the order in which they are written.
const (
	KindDeployment Kind = "Deployment"
	KindService    Kind = "Service"
	KindAutoscaler Kind = "HorizontalPodAutoscaler"
	KindBudget     Kind = "PodDisruptionBudget"
)

// KindRevision is the kind of a stack's records.
const KindRevision Kind = "ControllerRevision"

// State is a stack and all that was observed of it, read anew for each pass.
// Nobody writes to it, but that the controller adds what it records itself.
type State struct {
	Stack *v1alpha1.AppStack
	// Revisions in the order of their numbers.
	Revisions []Revision

	// Children that carry the stack's labels, or are to be adopted, by name.
	Deployments map[string]*appsv1.Deployment
	Services    map[string]*corev1.Service
	Autoscalers map[string]*autoscalingv2.HorizontalPodAutoscaler
	Budgets     map[string]*policyv1.PodDisruptionBudget

	// Accepted says for a child what was last asked of the API server and what
	// it made of it.
	Accepted map[types.UID]Acceptance
	// Refused says what the API server refused, of what was asked last.
	Refused map[Target]Refusal
	// Pods are seen while a rollout is open only.
	Pods Pods
	// Sight is what the operator itself has seen of the open rollout.
	Sight Sight

	// Images are what is known of those of the revision that is to be made.
	Images Images
	// Damaged is what is wrong with a revision that cannot be read; nil where nothing is.
	Damaged *Problem
	// Predecessor names an object that belongs to a deleted stack of the same
	// name; it is waited for.
	Predecessor string
	// Stale says that the cache does not show the operator's last write yet.
	Stale bool
}

// Target is what a write is about.
type Target struct {
	Kind Kind
	Name string
	// Rollout tells a rollout to a revision from what is recorded of that.
	Rollout bool
}

// Hash is a short hash of a value's JSON form.
func Hash(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("hashing a %T: %v", value, err)) // only API types are hashed
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

// Fingerprint is the hash of all that a write of a child can change.
func Fingerprint(object metav1.Object) string {
	var spec any
	switch o := object.(type) {
	case *appsv1.Deployment:
		spec = o.Spec
	case *corev1.Service:
		spec = o.Spec
	case *autoscalingv2.HorizontalPodAutoscaler:
		spec = o.Spec
	case *policyv1.PodDisruptionBudget:
		spec = o.Spec
	}
	return Hash([]any{object.GetLabels(), object.GetAnnotations(), object.GetOwnerReferences(), spec})
}

// TemplateHash is the hash of a pod template without the label that the
// Deployment controller adds to that of a ReplicaSet. By it a ReplicaSet belongs
// to the template that a Deployment has now, which is how that controller goes by too.
func TemplateHash(template corev1.PodTemplateSpec) string {
	if _, found := template.Labels[appsv1.DefaultDeploymentUniqueLabelKey]; found {
		template.Labels = maps.Clone(template.Labels)
		delete(template.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	}
	return Hash(template)
}

// Deployment is that of the component, or nil.
func (s State) Deployment(component string) *appsv1.Deployment {
	return s.Deployments[naming.Object(s.Stack.Name, component)]
}

// Stopped says whether rollouts go no further (R16a): while the stack is paused,
// and after that for as long as it is not known yet where the spec goes instead.
func (s State) Stopped() bool {
	if s.Stack.Spec.Paused || s.Images.Waiting == "" {
		return s.Stack.Spec.Paused
	}
	for _, deployment := range s.Deployments {
		if deployment.Spec.Paused && OwnershipOf(s.Stack, deployment) == Owned {
			return true
		}
	}
	return false
}

// Child is a live child of one of the four kinds.
type Child struct {
	Kind   Kind
	Object metav1.Object
}

// Children lists the live children, by kind.
func (s State) Children() []Child {
	var all []Child
	all = appendChildren(all, KindDeployment, s.Deployments)
	all = appendChildren(all, KindService, s.Services)
	all = appendChildren(all, KindAutoscaler, s.Autoscalers)
	return appendChildren(all, KindBudget, s.Budgets)
}

func appendChildren[T metav1.Object](all []Child, kind Kind, byName map[string]T) []Child {
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, Child{Kind: kind, Object: byName[name]})
	}
	return all
}
