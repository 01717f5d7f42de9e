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
	// slowStart is how long containers may be created until the conditions say so.
	slowStart = time.Minute
	// slowEnd is how much longer than it is given a pod may take to end until they say so.
	slowEnd = 30 * time.Second
)

// clockTime is how messages tell a time: it stays as it is.
const clockTime = "15:04:05 MST"

// starting is that the pod's containers are not created, or that an init container does not end.
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

// claimAdvice is what to change where a new pod may wait for a claim that an old one holds; empty where it
// cannot. Which nodes and pods can mount a claim is not for the operator to read.
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

// claim is the first claim that the component's pods mount for writing; empty where they mount none.
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

// lingering is the pod that holds new pods of the component up by not ending, the one that is to be gone first;
// nil where none does. Old pods of the component do with Recreate, and where they hold a claim; where a quota is
// full, any pod of the stack does.
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

// unended says of a pod that it does not end, and what may keep it.
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

// hint says in a few words what is wrong with the component, in words that stay the same from one try to the
// next (R19), and when it may say something else.
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

// claimHint is the advice in a few words.
func claimHint(advice string) string {
	if advice == "" {
		return ""
	}
	return ", perhaps for a claim that an old pod holds: rollout.strategy: Recreate has old pods go first"
}

// blame has the failure of a deadline say what held the component up.
func blame(failure *model.Failure, in Input, component Component, symptoms []symptom) {
	if len(symptoms) > 0 {
		s := symptoms[0]
		failure.Pod, failure.Container, failure.ExitCode = s.Pod, s.Container, s.ExitCode
		failure.Cause, failure.Advice = s.Reason, s.Advice
		failure.Message += fmt.Sprintf("; %s: %s", s.Reason, s.Message)
		if s.rank() == 0 && s.Reason != v1alpha1.FailureReplicaFailure {
			return // a container of the new pods says what is wrong
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
