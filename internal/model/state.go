// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

// State is a stack and all that was observed of it, read anew for each pass.
// Nobody writes to it, but that the controller adds what it records itself.
type State struct {
	Stack *v1alpha1.AppStack
	// Revisions in the order of their numbers.
	Revisions []Revision

	// Children that carry the stack's labels, or are to be adopted.
	Children Children

	// LastWrites says for a child what was last asked of the API server and what
	// it made of it.
	LastWrites map[types.UID]LastWrite
	// Rejected says what the API server rejected, of what was asked last.
	Rejected map[Target]Rejection
	// Pods are seen while a rollout is open only.
	Pods Pods
	// Sight is what the operator itself has seen of the open rollout.
	Sight Sight

	// Answers are those to the questions that the last plan asked.
	Answers Answers
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
	return s.Children.Deployment(naming.Object(s.Stack.Name, component))
}

// Stopped says whether rollouts go no further (R16a): while the stack is paused,
// and after that for as long as it is not known yet where the spec goes instead.
func (s State) Stopped() bool {
	if s.Stack.Spec.Paused || s.Answers.Waiting == "" {
		return s.Stack.Spec.Paused
	}
	for _, deployment := range s.Children.Deployments() {
		if deployment.Spec.Paused && OwnershipOf(s.Stack, deployment) == Owned {
			return true
		}
	}
	return false
}
