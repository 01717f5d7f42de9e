// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// graces lists the symptoms that waiting does not fix, and how long each may last before it fails
// the rollout (R17). The time covers a registry restart, or a ConfigMap that is applied right after
// the stack.
var graces = map[string]time.Duration{
	v1alpha1.FailureInvalidImageName:           0,
	v1alpha1.FailureErrImagePull:               time.Minute,
	v1alpha1.FailureImagePullBackOff:           time.Minute,
	v1alpha1.FailureErrImageNeverPull:          time.Minute,
	v1alpha1.FailureCreateContainerConfigError: time.Minute,
	v1alpha1.FailureCreateContainerError:       time.Minute,
	v1alpha1.FailureRunContainerError:          time.Minute,
	v1alpha1.FailureReplicaFailure:             30 * time.Second,
	v1alpha1.FailureRejected:                   30 * time.Second, // for missing permissions, a quota or a policy; otherwise 0
}

const (
	// maxExits is the number of exits of one container that counts as a crash loop.
	maxExits = 3
	// recovery is how long all pods must stay ready before a failed rollout counts as recovered:
	// pods in a crash loop are ready for a moment, again and again.
	recovery = 10 * time.Second
	// refusalRetry is the interval for retrying a write that the API server rejected but may accept
	// later.
	refusalRetry = 5 * time.Second
)

// Reasons of symptoms that never fail a rollout before its deadline.
const (
	reasonUnschedulable     = "Unschedulable"
	reasonContainerCreating = "ContainerCreating"
	reasonPodInitializing   = "PodInitializing"
	reasonNotReady          = "NotReady"
	reasonTerminating       = "Terminating"
)

// symptom is a visible problem of a component.
type symptom struct {
	model.Failure
	// since is when it began.
	since time.Time
	// due is when it fails the rollout; zero if waiting may help.
	due time.Time
	// left reports whether the symptom fails the rollout only at its deadline, regardless of due.
	left bool
}

// fails reports whether the symptom fails the rollout by now. Too many exits of a container fail it
// at once, without comparing times: the time of an exit comes from the node's clock, which may be
// ahead of the operator's.
func (s symptom) fails(now time.Time) bool {
	return !s.left && !s.due.IsZero() && (s.ExitCode != nil || !s.due.After(now))
}

// failure returns the failure of the component's rollout.
func (s symptom) failure(component string, now time.Time) *model.Failure {
	s.Component, s.At = component, now
	return &s.Failure
}

// symptomsOf lists the component's symptoms: first those with a due time, the earliest first, then
// the others, the most informative first.
func symptomsOf(in Input, component Component) []symptom {
	all := append(podSymptoms(in, component), creation(in, component)...)
	slices.SortStableFunc(all, func(a, b symptom) int {
		switch {
		case a.due.IsZero() && b.due.IsZero():
			return cmp.Compare(a.rank(), b.rank())
		case a.due.IsZero():
			return 1
		case b.due.IsZero():
			return -1
		default:
			return a.due.Compare(b.due)
		}
	})
	return all
}

// podSymptoms lists the symptoms of the component's pods. If a pod became ready after a symptom
// began, the revision can work, so the symptom is left to the deadline.
func podSymptoms(in Input, component Component) []symptom {
	var lastReady time.Time
	for _, pod := range component.Pods {
		if pod.ReadySince != nil && pod.ReadySince.After(lastReady) {
			lastReady = *pod.ReadySince
		}
	}
	var all []symptom
	for _, pod := range component.Pods {
		if !in.PodsKnown || !pod.Counts() {
			continue
		}
		for _, s := range diagnose(pod) {
			if s.rank() > 0 { // otherwise a container's own symptom explains more
				s.Advice = claimAdvice(component, pod)
			}
			s.left = in.Policy.DeadlineOnly || !lastReady.Before(s.since) || s.ExitCode != nil && before(pod, in.Rollout)
			all = append(all, s)
		}
	}
	return all
}

// before reports whether the pod is older than the rollout, so that its exits may be too. Creation
// times have a resolution of one second.
func before(pod model.Pod, rollout model.Rollout) bool {
	return pod.Made.Before(rollout.StartedAt.Truncate(time.Second))
}

// rank orders symptoms by how informative they are; 0 is the most informative.
func (s symptom) rank() int {
	switch s.Reason {
	case reasonNotReady:
		return 3
	case reasonContainerCreating, reasonPodInitializing:
		return 2
	case reasonUnschedulable:
		return 1
	default:
		return 0
	}
}

// diagnose lists the symptoms of a pod.
func diagnose(pod model.Pod) []symptom {
	var all []symptom
	for _, container := range pod.Containers {
		if s, ok := diagnoseContainer(container); ok {
			s.Pod, s.Container = pod.Name, container.Name
			all = append(all, s)
		}
	}
	if pod.Unschedulable != "" {
		all = append(all, symptom{Failure: model.Failure{
			Reason: reasonUnschedulable, Pod: pod.Name, Message: "no node takes the pod: " + pod.Unschedulable,
		}})
	}
	switch {
	case len(all) > 0 || pod.ReadySince != nil:
	case pod.Starting != nil:
		all = append(all, starting(pod))
	default:
		all = append(all, symptom{Failure: model.Failure{
			Reason: reasonNotReady, Pod: pod.Name, Message: "the pod does not get ready: look at its readiness probe",
		}})
	}
	return all
}

// hint summarizes the symptom in words that stay the same from one retry to the next (R19).
func (s symptom) hint() string {
	if s.rank() > 1 { // true of every pod for a while
		return ""
	}
	hint := s.Reason
	if hint == v1alpha1.FailureErrImagePull {
		hint = v1alpha1.FailureImagePullBackOff // the two reasons alternate
	}
	if s.Container != "" {
		hint = "container " + s.Container + ": " + hint
	}
	if s.ExitCode != nil {
		hint += fmt.Sprintf(", exit code %d", *s.ExitCode)
	}
	if s.Reason == reasonUnschedulable {
		hint += claimHint(s.Advice)
	}
	return "; " + hint
}

func diagnoseContainer(container model.Container) (symptom, bool) {
	last := container.LastExit
	exited := last != nil && container.Exits > 0
	switch {
	case exited && (container.Waiting == "" || container.Exits >= maxExits):
		s := symptom{since: last.At, Failure: model.Failure{
			Reason: v1alpha1.FailureCrashLoopBackOff, ExitCode: ptr.To(last.Code), Message: obituary(container),
		}}
		if container.Exits >= maxExits {
			s.due = last.At
		}
		return s, true
	case container.Waiting == "":
		return symptom{}, false
	}
	s := symptom{since: container.Since, Failure: model.Failure{
		Reason: container.Waiting, Message: cmp.Or(container.Message, "the container does not start"),
	}}
	if grace, ok := graces[container.Waiting]; ok {
		s.due = container.Since.Add(grace)
	}
	return s, true
}

// obituary describes how a container exited, with its termination message.
func obituary(container model.Container) string {
	last := container.LastExit
	text := fmt.Sprintf("the container exited %d times, last with code %d", container.Exits, last.Code)
	if container.Exits == 1 {
		text = fmt.Sprintf("the container exited with code %d", last.Code)
	}
	if last.Reason != "" {
		text += " (" + last.Reason + ")"
	}
	if words := strings.TrimSpace(last.Message); words != "" {
		text += "; its last words:\n" + words
	}
	return text
}

// passes reports whether the API server may still accept a write that it rejected, because
// permissions, quotas and policies change. It counts the time from the first rejection to the last
// one, not to now, because there may have been no retry since.
func passes(refusal model.Rejection) bool {
	return refusal.Passing && refusal.At.Sub(refusal.Since) < graces[v1alpha1.FailureRejected]
}

// refusal returns the failure for a Deployment or Service that the API server rejects.
func refusal(in Input, component Component) *model.Failure {
	return &model.Failure{
		Reason: v1alpha1.FailureRejected, Component: component.Name, Message: component.Refusal.Message, At: in.Now,
	}
}

// recovering reports whether a failed rollout that is complete now has recovered: its pods have to
// stay ready for a while (R14).
func recovering(in Input) Verdict {
	if !in.PodsKnown {
		return Verdict{Waits: "the pods are not seen yet"}
	}
	var left time.Duration
	total := int32(0)
	for _, component := range in.Components {
		ready := int32(0)
		for _, pod := range component.Pods {
			switch {
			case !pod.Counts():
			case pod.ReadySince == nil:
				return Verdict{Waits: component.Name + ": a pod is not ready"}
			default:
				ready++
				left = max(left, recovery-in.Now.Sub(pod.ReadySeen))
			}
		}
		if ready < ptr.Deref(component.Deployment.Spec.Replicas, 1) {
			return Verdict{Waits: component.Name + ": a pod is not seen yet"}
		}
		total += ready
	}
	if total == 0 {
		return Verdict{Waits: "no pod is to run, which proves nothing"}
	}
	if left > 0 {
		return Verdict{Waits: "all pods are ready, and have to stay so for a while", Again: left}
	}
	return Verdict{Complete: true}
}
