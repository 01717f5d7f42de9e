// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package rollout

import (
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// creation returns the symptom of a ReplicaSet that cannot create pods. If a quota is the reason,
// the symptom is left to the deadline as long as room for pods is about to be freed. The condition
// may still describe a failure of an earlier ReplicaSet; only the name in its message shows that.
func creation(in Input, component Component) []symptom {
	found := condition(component.Deployment, appsv1.DeploymentReplicaFailure)
	if !stands(found) || !component.Written ||
		slices.ContainsFunc(component.Earlier, func(set string) bool { return strings.Contains(found.Message, set+"-") }) {
		return nil
	}
	deployment := component.Deployment
	if deployment.Status.ObservedGeneration < deployment.Generation ||
		deployment.Status.UpdatedReplicas >= ptr.Deref(deployment.Spec.Replicas, 1) {
		return nil
	}
	refused := refusedFor(in, deployment, found)
	idle, comes := refused, terminates(in, component)
	if isScarce(found.Message) {
		idle, comes = min(refused, sinceRoom(in)), roomComes(in)
	}
	return []symptom{{
		Failure: model.Failure{
			Reason: v1alpha1.FailureReplicaFailure, Message: found.Message, Advice: quotaAdvice(deployment, found.Message),
		},
		due:  in.Now.Add(patience(refused, idle) - idle),
		left: comes || !in.PodsKnown,
	}}
}

// isScarce reports whether pods are rejected because of a quota, rather than for their content, as
// by Pod Security.
func isScarce(message string) bool { return strings.Contains(message, "quota") }

// terminates reports whether a pod of the component is being deleted.
func terminates(in Input, component Component) bool {
	return slices.ContainsFunc(in.Terminating, func(pod model.Pod) bool { return pod.Component == component.Name })
}

// refusedFor returns how long the API server has been rejecting pods that the Deployment lacks.
func refusedFor(in Input, deployment *appsv1.Deployment, found *appsv1.DeploymentCondition) time.Duration {
	if seen, ok := in.Observations.Refused[deployment.Name]; ok {
		return seen
	}
	return in.Observations.Since(later(found.LastTransitionTime.Time, in.Rollout.DeadlineFrom()), in.Now)
}

// patience returns how long pods may be rejected while no room is about to be freed. The ReplicaSet
// controller doubles its backoff after each rejection: if pods were rejected for some time before
// room was freed, it may take as long again until it notices the room.
func patience(refused, idle time.Duration) time.Duration {
	return max(graces[v1alpha1.FailureReplicaFailure], refused-idle)
}

// sinceRoom returns the time since room for pods may last have been freed: since a pod was deleted,
// or since a component made progress. A component that still replaces pods deletes old ones only
// minReadySeconds after its progress.
func sinceRoom(in Input) time.Duration {
	since := in.Observations.Since(in.Rollout.DeadlineFrom(), in.Now)
	if !in.PodsGone.IsZero() {
		since = min(since, in.Now.Sub(in.PodsGone))
	}
	for _, component := range in.Components {
		progressed := idle(in, component)
		if replaces(component) {
			progressed -= time.Duration(component.Deployment.Spec.MinReadySeconds) * time.Second
		}
		since = min(since, progressed)
	}
	return since
}

// roomComes reports whether room for pods is about to be freed without any intervention: either a
// pod of the stack is terminating, or new pods are starting, and old ones are deleted once these are
// ready. The component's deadline limits how long pods may be starting.
func roomComes(in Input) bool {
	return len(in.Terminating) > 0 || slices.ContainsFunc(in.Components, func(component Component) bool {
		return replaces(component) && slices.ContainsFunc(component.Pods, func(pod model.Pod) bool {
			return pod.Counts() && pod.ReadySince == nil
		})
	})
}

// replaces reports whether the component still has pods of earlier revisions to replace.
func replaces(component Component) bool {
	return component.Written && component.Deployment != nil &&
		component.Deployment.Status.Replicas > component.Deployment.Status.UpdatedReplicas
}

// quotaAdvice returns what to change if a quota leaves no room for the new pods.
func quotaAdvice(deployment *appsv1.Deployment, message string) string {
	switch {
	case !strings.Contains(message, "exceeded quota"):
		return ""
	case Surges(deployment) && deployment.Status.Replicas > deployment.Status.UpdatedReplicas:
		return "the quota has no room for new pods beside old ones: raise it, or have old pods go first with " +
			"rollout.maxSurge: 0 and rollout.maxUnavailable: 1, or with rollout.strategy: Recreate"
	default:
		return "the quota has no room for so many pods: raise it, or lower replicas"
	}
}

// Surges reports whether the Deployment creates new pods before it deletes old ones.
func Surges(deployment *appsv1.Deployment) bool {
	update := deployment.Spec.Strategy.RollingUpdate
	if update == nil {
		return false
	}
	surge := ptr.Deref(update.MaxSurge, intstr.FromString("25%"))
	pods, err := intstr.GetScaledValueFromIntOrPercent(&surge, int(ptr.Deref(deployment.Spec.Replicas, 1)), true)
	return err == nil && pods > 0
}
