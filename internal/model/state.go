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

// State is a stack and everything observed of it, read anew in each reconcile. It is read-only,
// except that the controller adds further observations, answers, and the revisions that it
// writes.
type State struct {
	Stack *v1alpha1.AppStack
	// Revisions are sorted by number.
	Revisions []Revision

	// Children are the objects that have the stack's labels or may be adopted.
	Children Children

	// LastWrites are the last accepted writes, by the UID of the child, with the API server's
	// answers.
	LastWrites map[types.UID]LastWrite
	// Rejected are the writes that the API server rejected when they were last tried.
	Rejected map[Target]Rejection
	// Pods are observed only while a rollout is open.
	Pods Pods
	// Observations is what the operator itself has observed of the open rollout.
	Observations Observations

	// Config is what is observed of the stack's config; nil if the operator does not handle it.
	Config *ConfigState
	// Secrets is what is observed of the Secrets that the pods use; nil unless changes of them
	// replace pods.
	Secrets *SecretState
	// Answers are the answers to the questions of the last plan.
	Answers Answers
	// Damaged is the problem of a revision that cannot be decoded; nil if there is none.
	Damaged *Problem
	// Predecessor names an object that belongs to a deleted stack of the same name. Nothing is
	// planned until it is gone.
	Predecessor string
	// Stale says that the cache does not show the operator's last writes yet.
	Stale bool
}

// Target identifies the object of a write.
type Target struct {
	Kind Kind
	Name string
	// Rollout separates the start of a rollout from other writes of the same revision.
	Rollout bool
}

// Hash returns a short hash of a value's JSON form. It panics if the value cannot be encoded.
func Hash(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("hashing a %T: %v", value, err)) // only API types are hashed
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

// TemplateHash returns the hash of a pod template without the pod-template-hash label that the
// Deployment controller adds to ReplicaSets. Like that controller, the operator compares
// templates to find the ReplicaSet of a Deployment's current template.
func TemplateHash(template corev1.PodTemplateSpec) string {
	if _, found := template.Labels[appsv1.DefaultDeploymentUniqueLabelKey]; found {
		template.Labels = maps.Clone(template.Labels)
		delete(template.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	}
	return Hash(template)
}

// Deployment returns the component's Deployment, or nil.
func (s State) Deployment(component string) *appsv1.Deployment {
	return s.Children.Deployment(naming.Object(s.Stack.Name, component))
}

// Stopped reports whether rollouts are paused (R16a): while the stack is paused, and after that
// until the images of a new revision are resolved.
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
