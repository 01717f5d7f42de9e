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

// creation is that the ReplicaSet cannot create pods. Where they are too many, and as long as room is about to
// come, that is left to the deadline. The Deployment shows the failure of an earlier ReplicaSet too, by its words only.
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

// isScarce says whether pods are refused because there are too many, and not, as by Pod Security, for what they are.
func isScarce(message string) bool { return strings.Contains(message, "quota") }

// terminates says whether a pod of the component is being deleted.
func terminates(in Input, component Component) bool {
	return slices.ContainsFunc(in.Terminating, func(pod model.Pod) bool { return pod.Component == component.Name })
}

// refusedFor is for how long the Deployment has lacked pods that the API server refuses.
func refusedFor(in Input, deployment *appsv1.Deployment, found *appsv1.DeploymentCondition) time.Duration {
	if seen, ok := in.Sight.Refused[deployment.Name]; ok {
		return seen
	}
	return in.Sight.Since(later(found.LastTransitionTime.Time, in.Rollout.DeadlineFrom()), in.Now)
}

// patience is how long pods may be refused with no room about to come. After each refusal the ReplicaSet
// controller doubles its pause, so it can miss room for as long again as pods had been refused when it came.
func patience(refused, idle time.Duration) time.Duration {
	return max(graces[v1alpha1.FailureReplicaFailure], refused-idle)
}

// sinceRoom is how long ago room for pods may last have come: when a pod was gone, or when a component made
// progress, or once new pods that made it last as long as they have to.
func sinceRoom(in Input) time.Duration {
	since := in.Sight.Since(in.Rollout.DeadlineFrom(), in.Now)
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

// roomComes says whether room for pods is about to come by itself: a pod of the stack terminates, or new pods
// are coming up, and old ones go when they have. That takes no longer than the deadline of their component.
func roomComes(in Input) bool {
	return len(in.Terminating) > 0 || slices.ContainsFunc(in.Components, func(component Component) bool {
		return replaces(component) && slices.ContainsFunc(component.Pods, func(pod model.Pod) bool {
			return pod.Counts() && pod.ReadySince == nil
		})
	})
}

// replaces says whether the component has pods of earlier revisions that are still to go.
func replaces(component Component) bool {
	return component.Written && component.Deployment != nil &&
		component.Deployment.Status.Replicas > component.Deployment.Status.UpdatedReplicas
}

// quotaAdvice is what to change where a quota leaves no room for the new pods.
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

// Surges says whether new pods of the Deployment come before old ones go.
func Surges(deployment *appsv1.Deployment) bool {
	update := deployment.Spec.Strategy.RollingUpdate
	if update == nil {
		return false
	}
	surge := ptr.Deref(update.MaxSurge, intstr.FromString("25%"))
	pods, err := intstr.GetScaledValueFromIntOrPercent(&surge, int(ptr.Deref(deployment.Spec.Replicas, 1)), true)
	return err == nil && pods > 0
}
