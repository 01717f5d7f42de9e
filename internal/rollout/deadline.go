// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package rollout

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// reasonTimedOut is the reason that the Deployment controller gives when a Deployment misses its
// own progress deadline (k8s.io/kubernetes/pkg/controller/deployment/util, TimedOutReason).
const reasonTimedOut = "ProgressDeadlineExceeded"

// firstListGrace is how long a rollout waits for the first list of its pods, for example after the
// operator starts: without the pods, a missed deadline could not be explained.
const firstListGrace = 5 * time.Second

// left returns how much longer the component may go without progress. For a component that has
// arrived before, or whose pods the API server rejects, the deadline runs from the latest progress
// of any component: losing a pod later is not a lack of progress (R6), and a rejected pod may be
// waiting for the quota that the other components free.
func left(in Input, component Component) time.Duration {
	waited := idle(in, component)
	if component.Arrived || Refused(component.Deployment) {
		for _, other := range in.Components {
			waited = min(waited, idle(in, other))
		}
	}
	return in.Policy.Deadline - waited
}

// idle returns how long the component has made no progress. The Deployment controller records
// progress in a condition. A condition written before the operator started watching can belong to
// an earlier rollout, so it counts only when it is newer than this rollout (R17).
func idle(in Input, component Component) time.Duration {
	if component.Deployment != nil {
		if seen, ok := in.Observations.Progress[component.Deployment.Name]; ok {
			return seen
		}
	}
	last := in.Rollout.DeadlineFrom()
	if noted := Progressed(component.Deployment); noted != nil {
		last = later(last, noted.LastUpdateTime.Time)
	}
	return in.Observations.Since(last, in.Now)
}

// Progressed returns the condition in which the Deployment controller recorded its latest progress,
// or nil if there is none or if the controller has since reported that the deadline was exceeded.
func Progressed(deployment *appsv1.Deployment) *appsv1.DeploymentCondition {
	noted := condition(deployment, appsv1.DeploymentProgressing)
	if noted == nil || noted.Reason == reasonTimedOut {
		return nil
	}
	return noted
}

// Refused reports whether the API server rejects pods of the Deployment.
func Refused(deployment *appsv1.Deployment) bool {
	return stands(condition(deployment, appsv1.DeploymentReplicaFailure))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// overdue returns the failure for a missed deadline, including the visible symptoms.
func overdue(in Input, component Component, symptoms []symptom) *model.Failure {
	failure := model.Failure{
		Reason:    v1alpha1.FailureProgressDeadlineExceeded,
		Component: component.Name,
		Message:   fmt.Sprintf("no progress for %d s: %s", int(in.Policy.Deadline.Seconds()), waitsFor(component)),
		At:        in.Now,
	}
	blame(&failure, in, component, symptoms)
	return &failure
}
