// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

const (
	defaultHistoryLimit     = 10
	defaultProgressDeadline = 600
	// unprobedMinReady is the default minReadySeconds of a component without a readiness probe, so
	// that a container that exits right after its start fails the rollout (R24).
	unprobedMinReady = 10
)

// HistoryLimit returns how many revisions the stack keeps. The default is 10.
func HistoryLimit(spec v1alpha1.AppStackSpec) int32 {
	return ptr.Deref(spec.RevisionHistoryLimit, defaultHistoryLimit)
}

// ProgressDeadline returns how long a rollout may go without progress. The default is 600 seconds.
func ProgressDeadline(spec v1alpha1.AppStackSpec) time.Duration {
	return time.Duration(progressDeadline(ptr.Deref(spec.Rollout, v1alpha1.RolloutPolicy{}))) * time.Second
}

func progressDeadline(policy v1alpha1.RolloutPolicy) int32 {
	return ptr.Deref(policy.ProgressDeadlineSeconds, defaultProgressDeadline)
}

// Deployment returns a component's Deployment. Its replicas are nil if the spec leaves the number
// to an autoscaler or another client.
func Deployment(stack *v1alpha1.AppStack, desired model.Desired) *appsv1.Deployment {
	policy := ptr.Deref(stack.Spec.Rollout, v1alpha1.RolloutPolicy{})
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       stack.Namespace,
			Name:            naming.Object(stack.Name, desired.Name),
			Labels:          naming.Labels(stack.Name, desired.Name),
			Annotations:     map[string]string{naming.AnnotationRevision: strconv.FormatInt(desired.Revision, 10)},
			OwnerReferences: []metav1.OwnerReference{naming.Owner(stack)},
		},
		Spec: appsv1.DeploymentSpec{
			Replicas:                desired.Replicas,
			Selector:                &metav1.LabelSelector{MatchLabels: desired.Selector},
			Template:                desired.Template,
			Strategy:                strategy(policy),
			MinReadySeconds:         minReadySeconds(policy, desired.Component),
			ProgressDeadlineSeconds: ptr.To(progressDeadline(policy)),
			// keep the ReplicaSet of every possible rollback target (R7)
			RevisionHistoryLimit: ptr.To(HistoryLimit(stack.Spec)),
			Paused:               stack.Spec.Paused,
		},
	}
}

func strategy(policy v1alpha1.RolloutPolicy) appsv1.DeploymentStrategy {
	if policy.Strategy == v1alpha1.RolloutStrategyRecreate {
		return appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
	}
	return appsv1.DeploymentStrategy{
		Type: appsv1.RollingUpdateDeploymentStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDeployment{
			MaxSurge:       ptr.To(ptr.Deref(policy.MaxSurge, intstr.FromString("25%"))),
			MaxUnavailable: ptr.To(ptr.Deref(policy.MaxUnavailable, intstr.FromInt32(0))),
		},
	}
}

func minReadySeconds(policy v1alpha1.RolloutPolicy, component model.Component) int32 {
	if policy.MinReadySeconds != nil {
		return *policy.MinReadySeconds
	}
	if component.App().ReadinessProbe != nil {
		return 0
	}
	// the API server requires it to be below the deadline
	return min(unprobedMinReady, progressDeadline(policy)-1)
}

// owner returns naming.Owner as an apply configuration.
func owner(stack *v1alpha1.AppStack) *metav1ac.OwnerReferenceApplyConfiguration {
	ref := naming.Owner(stack)
	return &metav1ac.OwnerReferenceApplyConfiguration{
		APIVersion:         &ref.APIVersion,
		Kind:               &ref.Kind,
		Name:               &ref.Name,
		UID:                &ref.UID,
		Controller:         ref.Controller,
		BlockOwnerDeletion: ref.BlockOwnerDeletion,
	}
}
