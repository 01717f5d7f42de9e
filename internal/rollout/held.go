// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

const (
	// slowStart is how long containers may stay in creation before the conditions mention it.
	slowStart = time.Minute
	// slowEnd is how long a pod may outlive its grace period before the conditions mention it.
	slowEnd = 30 * time.Second
)

// clockTime is the format of times in messages. They are absolute, so that a message does not
// change as time passes.
const clockTime = "15:04:05 MST"

// starting returns the symptom of a pod whose containers are not created, or whose init container
// does not finish.
func starting(pod model.Pod) symptom {
	held := pod.Starting
	since := held.Since.UTC().Format(clockTime)
	s := symptom{since: held.Since, Failure: model.Failure{Reason: held.Reason, Pod: pod.Name, Container: held.Container}}
	events := "look at its events: kubectl describe pod " + pod.Name
	switch {
	case held.Init:
		s.Message = fmt.Sprintf("the init container has run since %s and does not end: look at its log: kubectl logs %s -c %s",
			since, pod.Name, held.Container)
	case held.Sandbox == nil:
		s.Message = fmt.Sprintf("the container is being created since %s: a volume may not attach or mount, "+
			"the network may not be set up, or the image is still being pulled: %s", since, events)
	case *held.Sandbox:
		s.Message = fmt.Sprintf("the container is being created since %s: the pod has its volumes and its network, "+
			"so the image is still being pulled, or the runtime is slow: %s", since, events)
	default:
		s.Message = fmt.Sprintf("the container is being created since %s: a volume does not attach or mount, "+
			"or the network is not set up: %s", since, events)
	}
	return s
}

// claimAdvice returns what to change if a new pod may be waiting for a volume claim that an old pod
// holds; otherwise "". It cannot be certain: the operator does not read the access modes of claims.
func claimAdvice(component Component, pod model.Pod) string {
	waits := pod.Unschedulable != "" || pod.Starting != nil && !pod.Starting.Init && (pod.Starting.Sandbox == nil || !*pod.Starting.Sandbox)
	if !waits || !replaces(component) || !Surges(component.Deployment) {
		return ""
	}
	name := claim(component)
	if name == "" {
		return ""
	}
	return "an old pod may hold the claim " + name + ", which only one node can mount with ReadWriteOnce, and only one pod with " +
		"ReadWriteOncePod: have old pods go first with rollout.strategy: Recreate"
}

// claim returns the name of the first claim that the component's pods mount for writing, or "" if
// there is none.
func claim(component Component) string {
	if component.Deployment == nil {
		return ""
	}
	for _, volume := range component.Deployment.Spec.Template.Spec.Volumes {
		if source := volume.PersistentVolumeClaim; source != nil && !source.ReadOnly {
			return source.ClaimName
		}
	}
	return ""
}

// lingering returns the terminating pod that blocks new pods of the component, or nil if there is
// none. If there are several, it returns the one whose grace period ends first. With the Recreate
// strategy, or if they hold a claim, old pods of the component block new ones. If new pods are
// rejected, for example by a quota, any terminating pod of the stack may block them.
func lingering(in Input, component Component) *model.Pod {
	if component.Deployment == nil {
		return nil
	}
	waits := component.Deployment.Spec.Strategy.RollingUpdate == nil || claim(component) != ""
	var first *model.Pod
	for i, pod := range in.Terminating {
		holds := waits && pod.Component == component.Name || Refused(component.Deployment)
		if holds && (first == nil || cmp.Or(pod.EndsBy.Compare(first.EndsBy), strings.Compare(pod.Name, first.Name)) < 0) {
			first = &in.Terminating[i]
		}
	}
	return first
}

// unended describes a pod that does not terminate, and what may keep it.
func unended(pod model.Pod) string {
	where := ""
	if pod.Node != "" {
		where = " on node " + pod.Node
	}
	words := fmt.Sprintf("pod %s%s is still terminating, with a grace period until %s", pod.Name, where, pod.EndsBy.UTC().Format(clockTime))
	if len(pod.Finalizers) > 0 {
		return words + ": its finalizers keep it: " + strings.Join(pod.Finalizers, ", ")
	}
	return words + ": look at it, and whether its node is ready: kubectl describe pod " + pod.Name
}

// hint summarizes what is wrong with the component, in words that stay the same from one retry to
// the next (R19), and returns the time after which the summary may change; 0 means never.
func hint(in Input, component Component, symptoms []symptom) (words string, again time.Duration) {
	own := ""
	if len(symptoms) > 0 {
		own = symptoms[0].hint()
	}
	wait := func(until time.Time) bool {
		rest := until.Sub(in.Now)
		if rest > 0 {
			again = model.Sooner(again, rest)
		}
		return rest > 0
	}
	if pod := lingering(in, component); pod != nil && !wait(pod.EndsBy.Add(slowEnd)) {
		own += "; pod " + pod.Name + " does not end"
	}
	if own != "" {
		return own, again
	}
	at := slices.IndexFunc(component.Starting, func(pod model.Pod) bool {
		return !wait(pod.Starting.Since.Add(slowStart))
	})
	if at < 0 {
		return "", again
	}
	s := starting(component.Starting[at])
	return "; container " + s.Container + ": " + s.Reason + claimHint(claimAdvice(component, component.Starting[at])), again
}

// claimHint shortens the advice for a condition message.
func claimHint(advice string) string {
	if advice == "" {
		return ""
	}
	return ", perhaps for a claim that an old pod holds: rollout.strategy: Recreate has old pods go first"
}

// blame adds to a deadline failure what blocked the component.
func blame(failure *model.Failure, in Input, component Component, symptoms []symptom) {
	if len(symptoms) > 0 {
		s := symptoms[0]
		failure.Pod, failure.Container, failure.ExitCode = s.Pod, s.Container, s.ExitCode
		failure.Cause, failure.Advice = s.Reason, s.Advice
		failure.Message += fmt.Sprintf("; %s: %s", s.Reason, s.Message)
		if s.rank() == 0 && s.Reason != v1alpha1.FailureReplicaFailure {
			return // a container of the new pods is the cause
		}
	}
	pod := lingering(in, component)
	if pod == nil {
		return
	}
	if failure.Cause == "" {
		failure.Pod, failure.Cause = pod.Name, reasonTerminating
	}
	failure.Message += fmt.Sprintf("; %s: %s", reasonTerminating, unended(*pod))
}
