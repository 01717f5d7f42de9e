// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package podwatch

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// ordinary are the reasons of waiting containers that are not a problem or that already count as an
// exit.
var ordinary = []string{"", containerCreating, podInitializing, "CrashLoopBackOff"}

// The kubelet's reasons for containers that are not created yet.
const (
	containerCreating = "ContainerCreating"
	podInitializing   = "PodInitializing"
)

// reduce returns the part of a pod that is kept. before is the result for the previous state of the
// pod, and now the time of the observation.
func reduce(pod *corev1.Pod, before model.Pod, now time.Time) model.Pod {
	seen := model.Pod{
		Name:        pod.Name,
		Made:        pod.CreationTimestamp.Time,
		Component:   pod.Labels[naming.LabelComponent],
		Terminating: pod.DeletionTimestamp != nil,
		Ended:       pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded,
	}
	if owner := metav1.GetControllerOfNoCopy(pod); owner != nil && owner.Kind == "ReplicaSet" &&
		owner.APIVersion == appsv1.SchemeGroupVersion.String() {
		seen.ReplicaSet = model.Owner{Name: owner.Name, UID: owner.UID}
	}
	seen.ReadySince, seen.ReadySeen = ready(pod, before, now)
	seen.Unschedulable = unschedulable(pod)
	seen.Containers = containers(pod, before, now)
	if seen.Terminating {
		seen.EndsBy, seen.Finalizers, seen.Node = pod.DeletionTimestamp.Time, pod.Finalizers, pod.Spec.NodeName
	}
	if seen.Counts() && seen.ReadySince == nil {
		seen.Starting = starting(pod, before, now)
	}
	return seen
}

// ready returns since when the pod has been ready, and when that was first observed; nil if it is
// not ready.
func ready(pod *corev1.Pod, before model.Pod, now time.Time) (since *time.Time, seen time.Time) {
	for _, condition := range pod.Status.Conditions {
		if condition.Type != corev1.PodReady || condition.Status != corev1.ConditionTrue {
			continue
		}
		at := condition.LastTransitionTime.Time
		if before.ReadySince != nil && before.ReadySince.Equal(at) {
			return &at, before.ReadySeen
		}
		return &at, now
	}
	return nil, time.Time{}
}

// unschedulable returns why no node accepts the pod; "" if it is scheduled or may still be.
func unschedulable(pod *corev1.Pod) string {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse &&
			condition.Reason == corev1.PodReasonUnschedulable {
			return condition.Message
		}
	}
	return ""
}

// starting returns the first container of the pod that is not created, or the running init
// container; nil if all containers are created.
func starting(pod *corev1.Pod, before model.Pod, now time.Time) *model.Starting {
	held := &model.Starting{Since: now}
	if before.Starting != nil {
		held.Since = before.Starting.Since
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReadyToStartContainers {
			held.Sandbox = ptr.To(condition.Status == corev1.ConditionTrue)
		}
	}
	for _, status := range pod.Status.InitContainerStatuses {
		if status.State.Running != nil && !isSidecar(pod, status.Name) {
			held.Container, held.Reason, held.Init = status.Name, podInitializing, true
			return held
		}
	}
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if waiting := status.State.Waiting; waiting != nil && (waiting.Reason == containerCreating || waiting.Reason == podInitializing) {
			held.Container, held.Reason = status.Name, waiting.Reason
			return held
		}
	}
	return nil
}

// containers returns the pod's containers that wait because of a problem or have exited.
func containers(pod *corev1.Pod, before model.Pod, now time.Time) []model.Container {
	var all []model.Container
	for _, status := range pod.Status.InitContainerStatuses {
		if done := status.State.Terminated; done != nil && done.ExitCode == 0 && !isSidecar(pod, status.Name) {
			continue // it succeeded
		}
		all = appendContainer(all, status, before, now)
	}
	for _, status := range pod.Status.ContainerStatuses {
		all = appendContainer(all, status, before, now)
	}
	return all
}

// isSidecar reports whether an init container keeps running beside the app containers.
func isSidecar(pod *corev1.Pod, name string) bool {
	return slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool {
		return c.Name == name && ptr.Deref(c.RestartPolicy, "") == corev1.ContainerRestartPolicyAlways
	})
}

// appendContainer adds the container if it waits because of a problem or has exited.
func appendContainer(all []model.Container, status corev1.ContainerStatus, before model.Pod, now time.Time) []model.Container {
	seen := model.Container{Name: status.Name}
	seen.Exits, seen.LastExit = exits(status)
	if waiting := status.State.Waiting; waiting != nil && !slices.Contains(ordinary, waiting.Reason) {
		seen.Waiting, seen.Message, seen.Since = waiting.Reason, waiting.Message, now
		at := slices.IndexFunc(before.Containers, func(c model.Container) bool { return c.Name == status.Name })
		if at >= 0 && before.Containers[at].Waiting != "" {
			seen.Since = before.Containers[at].Since
		}
	}
	if seen.Waiting == "" && seen.Exits == 0 {
		return all
	}
	return append(all, seen)
}

// exits returns how often the container has exited, and its last exit. The restart count increases
// only when the container starts again, so a later exit is added to it.
func exits(status corev1.ContainerStatus) (int32, *model.Exit) {
	n, last := status.RestartCount, status.LastTerminationState.Terminated
	switch {
	case status.State.Terminated != nil:
		n, last = n+1, status.State.Terminated
	case status.State.Waiting != nil && last != nil:
		n++
	}
	if last == nil {
		return n, nil
	}
	return n, &model.Exit{Code: last.ExitCode, Reason: last.Reason, Message: last.Message, At: last.FinishedAt.Time}
}
