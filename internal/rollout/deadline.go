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

// deadline is when the component has been without progress for too long. One
// that has come to run before is given the time of whichever made progress last:
// a pod that it loses meanwhile is no lack of progress (R6).
func deadline(in Input, component Component) time.Time {
	last := progress(in, component)
	if component.Arrived {
		for _, other := range in.Components {
			last = later(last, progress(in, other))
		}
	}
	limit := last.Add(in.Policy.Deadline)
	if verdict := condition(component.Deployment, appsv1.DeploymentProgressing); verdict != nil &&
		verdict.Reason == reasonTimedOut && verdict.LastUpdateTime.After(in.Rollout.DeadlineFrom()) {
		limit = later(limit, verdict.LastUpdateTime.Time) // it may have counted from before this rollout
	}
	return limit
}

// progress is when the component last made some. The Deployment controller notes
// that in a condition, which after a rollback can be that of an earlier rollout,
// or never come: it counts only when it is newer than this rollout (R17).
func progress(in Input, component Component) time.Time {
	last := in.Rollout.DeadlineFrom()
	noted := condition(component.Deployment, appsv1.DeploymentProgressing)
	if noted == nil || noted.Reason == reasonTimedOut {
		return last
	}
	return later(last, noted.LastUpdateTime.Time)
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
	if len(symptoms) > 0 {
		s := symptoms[0]
		failure.Pod, failure.Container, failure.ExitCode = s.Pod, s.Container, s.ExitCode
		failure.Cause = s.Reason
		failure.Message += fmt.Sprintf("; %s: %s", s.Reason, s.Message)
	}
	return &failure
}
