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

// graces is the table of what will not mend by waiting, and for how long it is
// waited for all the same (R17): a registry that is restarted, or a ConfigMap
// that is applied right after the stack, is back in that time.
var graces = map[string]time.Duration{
	v1alpha1.FailureInvalidImageName:           0,
	v1alpha1.FailureErrImagePull:               time.Minute,
	v1alpha1.FailureImagePullBackOff:           time.Minute,
	v1alpha1.FailureErrImageNeverPull:          time.Minute,
	v1alpha1.FailureCreateContainerConfigError: time.Minute,
	v1alpha1.FailureCreateContainerError:       time.Minute,
	v1alpha1.FailureRunContainerError:          time.Minute,
	v1alpha1.FailureReplicaFailure:             30 * time.Second,
	v1alpha1.FailureRejected:                   30 * time.Second, // where it is about rights, a quota or a policy; else 0
}

const (
	// maxExits is how often one container may exit: the third time is a crash loop.
	maxExits = 3
	// recovery is how long all pods have to be ready until a rollout that failed
	// counts as recovered: in a crash loop they are, for a moment, again and again.
	recovery = 10 * time.Second
	// refusalRetry is how soon what the API server may take by then is asked again.
	refusalRetry = 5 * time.Second
)

// Reasons of symptoms that are left to the deadline.
const (
	reasonUnschedulable     = "Unschedulable"
	reasonContainerCreating = "ContainerCreating"
	reasonPodInitializing   = "PodInitializing"
	reasonNotReady          = "NotReady"
	reasonTerminating       = "Terminating"
)

// symptom is what is wrong with a component.
type symptom struct {
	model.Failure
	// since is when it began.
	since time.Time
	// due is when it fails the rollout; zero where waiting may help.
	due time.Time
	// left says that it is left to the deadline all the same.
	left bool
}

// fails says whether the symptom fails the rollout by now. That a container has
// exited too often needs no waiting: the time of an exit is by the node's clock,
// which may be ahead of the operator's.
func (s symptom) fails(now time.Time) bool {
	return !s.left && !s.due.IsZero() && (s.ExitCode != nil || !s.due.After(now))
}

// failure is that of the rollout of the component.
func (s symptom) failure(component string, now time.Time) *model.Failure {
	s.Component, s.At = component, now
	return &s.Failure
}

// symptomsOf lists what is wrong with the component: what is due first in front,
// and of what is not due by itself what says most.
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

// podSymptoms lists what is wrong with the component's pods. As long as a pod
// became ready since a symptom began, the revision can work, and the symptom is
// left to the deadline.
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
			if s.rank() > 0 { // else a container says what is wrong
				s.Advice = claimAdvice(component, pod)
			}
			s.left = in.Policy.DeadlineOnly || !lastReady.Before(s.since) || s.ExitCode != nil && before(pod, in.Rollout)
			all = append(all, s)
		}
	}
	return all
}

// before says whether the pod is from before the rollout, and so, perhaps, are
// its exits. Its time is in whole seconds.
func before(pod model.Pod, rollout model.Rollout) bool {
	return pod.Made.Before(rollout.StartedAt.Truncate(time.Second))
}

// rank orders symptoms by how little they say.
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

// diagnose lists what is wrong with a pod.
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

// hint says in a few words what is wrong, in words that stay the same from one try to the next (R19).
func (s symptom) hint() string {
	if s.rank() > 1 { // every pod is so for a while
		return ""
	}
	hint := s.Reason
	if hint == v1alpha1.FailureErrImagePull {
		hint = v1alpha1.FailureImagePullBackOff // they take turns
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

// obituary says how a container ended, with its last words.
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

// passes says whether the API server may yet take what it refused: rights,
// quotas and policies come and go. What counts is when it last said no, and not
// the time since, in which it may not have been asked.
func passes(refusal model.Rejection) bool {
	return refusal.Passing && refusal.At.Sub(refusal.Since) < graces[v1alpha1.FailureRejected]
}

// refusal is that the API server takes neither Deployment nor Service as the revision has it.
func refusal(in Input, component Component) *model.Failure {
	return &model.Failure{
		Reason: v1alpha1.FailureRejected, Component: component.Name, Message: component.Refusal.Message, At: in.Now,
	}
}

// recovering says whether a rollout that failed, and of which all runs now, has
// recovered: its pods have to stay ready for a while (R14).
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
