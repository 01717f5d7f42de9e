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

// reasonTimedOut is that of the Deployment controller's own verdict
// (k8s.io/kubernetes/pkg/controller/deployment/util, TimedOutReason).
const reasonTimedOut = "ProgressDeadlineExceeded"

// autopsyGrace is how long pods that are not seen yet are waited for, as after a
// start of the operator: without them a missed deadline could not be explained.
const autopsyGrace = 5 * time.Second

// left is how long the component may go on without progress. One that has come to run before, or whose pods
// are refused, is given the time of whichever made progress last: a pod that it loses meanwhile is no lack of
// progress (R6), and the room that it waits for is what the progress of others frees.
func left(in Input, component Component) time.Duration {
	waited := idle(in, component)
	if component.Arrived || Refused(component.Deployment) {
		for _, other := range in.Components {
			waited = min(waited, idle(in, other))
		}
	}
	return in.Policy.Deadline - waited
}

// idle is for how long the component has made no progress. The Deployment controller notes progress in a
// condition. What it noted before the operator watched can be that of an earlier rollout: it counts only when
// it is newer than this one (R17).
func idle(in Input, component Component) time.Duration {
	if component.Deployment != nil {
		if seen, ok := in.Sight.Progress[component.Deployment.Name]; ok {
			return seen
		}
	}
	last := in.Rollout.DeadlineFrom()
	if noted := Progressed(component.Deployment); noted != nil {
		last = later(last, noted.LastUpdateTime.Time)
	}
	return in.Sight.Since(last, in.Now)
}

// Progressed is the Deployment controller's note on the progress that it saw last; nil where there is none,
// or where it was replaced by the verdict that there is none.
func Progressed(deployment *appsv1.Deployment) *appsv1.DeploymentCondition {
	noted := condition(deployment, appsv1.DeploymentProgressing)
	if noted == nil || noted.Reason == reasonTimedOut {
		return nil
	}
	return noted
}

// Refused says whether the API server refuses pods of the Deployment.
func Refused(deployment *appsv1.Deployment) bool {
	return stands(condition(deployment, appsv1.DeploymentReplicaFailure))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// overdue is the failure to make progress, with what is seen to be wrong.
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
