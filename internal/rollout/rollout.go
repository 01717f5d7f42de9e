// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package rollout judges how a rollout stands from the state of its
// Deployments and their pods: progressing, succeeded, or failed, and why. It is
// pure.
package rollout

import (
	"cmp"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
)

// Policy is how strictly a rollout is judged.
type Policy struct {
	// Deadline is how long a component may stay without progress.
	Deadline time.Duration
	// DeadlineOnly leaves to the deadline what pods show (R17).
	DeadlineOnly bool
}

// Input is a rollout that is open, and what is seen of it.
type Input struct {
	Rollout model.Rollout
	Policy  Policy
	// Components are those that the rollout moves to its revision.
	Components []Component
	// PodsKnown says that the components' pods were seen, and PodsAsked since when they are looked at.
	PodsKnown bool
	PodsAsked time.Time
	// Terminating are the stack's pods that are being deleted, of whatever component and template, and PodsGone is
	// when one was last seen to be gone.
	Terminating []model.Pod
	PodsGone    time.Time
	// Sight is what the operator itself has seen of the rollout.
	Sight model.Sight
	Now   time.Time
}

// Component is one of them.
type Component struct {
	Name string
	// Deployment is nil where it is not there yet.
	Deployment *appsv1.Deployment
	// Written says that the Deployment has been given the revision.
	Written bool
	// Arrived says that the component has come to run as it should since the
	// rollout began: it is not what makes no progress (R6).
	Arrived bool
	// Pods are those of the Deployment's present template, by name.
	Pods []model.Pod
	// Starting are its pods, of whatever template, whose containers are not all created.
	Starting []model.Pod
	// Earlier names the ReplicaSets of other templates that have pods still.
	Earlier []string
	// Refusal is what the API server said to the component's Deployment or Service; nil where it took them.
	Refusal *model.Rejection
}

// Verdict is how the rollout stands.
type Verdict struct {
	// Complete says that all components run the revision as they should (R6).
	Complete bool
	// Failure is why the rollout fails; nil where it does not.
	Failure *model.Failure
	// Arrived are the components that run as they should, by name.
	Arrived []string
	// Waits says in words what is waited for.
	Waits string
	// Again is the time until the verdict may be another one though nothing
	// happens; 0 where it needs something to happen.
	Again time.Duration
}

// NeedsTemplates says whether Judge has to know which templates the pods of a
// rollout are of, although none of them is in trouble: to see whether one that failed has
// recovered, whose pods are refused, and why nothing got on until the deadline.
func NeedsTemplates(
	open model.Rollout, deadline time.Duration, deployments map[string]*appsv1.Deployment, sight model.Sight, now time.Time,
) bool {
	if open.Failed() || sight.Since(open.DeadlineFrom(), now) >= deadline-time.Second { // it is judged a moment later
		return true
	}
	for _, deployment := range deployments {
		if Refused(deployment) {
			return true
		}
	}
	return false
}

// Judge says how the rollout stands. One that failed before can only recover.
func Judge(in Input) Verdict {
	var waits string
	var arrived []string
	for _, component := range in.Components {
		what := waitsFor(component)
		waits = cmp.Or(waits, what)
		if what == "" {
			arrived = append(arrived, component.Name)
		}
	}
	switch {
	case waits == "" && in.Rollout.Failure != nil:
		return recovering(in)
	case waits == "":
		return Verdict{Complete: true}
	case in.Rollout.Failure != nil:
		return Verdict{Waits: waits}
	}
	verdict := Verdict{Arrived: arrived}
	for _, component := range in.Components {
		verdict = verdict.and(judge(in, component))
		if verdict.Failure != nil {
			break
		}
	}
	return verdict
}

// and is the verdict on one component more.
func (v Verdict) and(other Verdict) Verdict {
	v.Failure, v.Waits = cmp.Or(v.Failure, other.Failure), cmp.Or(v.Waits, other.Waits)
	v.Again = model.Sooner(v.Again, other.Again)
	return v
}

// waitsFor says in words what the component waits for; empty where it is complete.
func waitsFor(component Component) string {
	if component.Refusal != nil {
		return "component " + component.Name + ": the API server refuses it"
	}
	if component.Deployment == nil || !component.Written {
		return "component " + component.Name + ": its Deployment is not written yet"
	}
	progress := Of(component.Deployment)
	if progress.Complete {
		return ""
	}
	return progress.Message
}

// judge says how the rollout stands as far as the component goes.
func judge(in Input, component Component) Verdict {
	verdict := Verdict{Waits: waitsFor(component)}
	switch {
	case component.Refusal == nil:
	case passes(*component.Refusal):
		verdict.Again = refusalRetry
	default:
		verdict.Failure = refusal(in, component)
	}
	if verdict.Failure != nil || verdict.Waits == "" {
		return verdict
	}
	symptoms := symptomsOf(in, component)
	words, again := hint(in, component, symptoms)
	verdict.Waits, verdict.Again = verdict.Waits+words, model.Sooner(verdict.Again, again)
	for _, s := range symptoms {
		switch {
		case s.fails(in.Now):
			verdict.Failure = s.failure(component.Name, in.Now)
			return verdict
		case !s.left && !s.due.IsZero():
			verdict.Again = model.Sooner(verdict.Again, s.due.Sub(in.Now))
		}
	}
	if !in.PodsKnown {
		verdict.Again = model.Sooner(verdict.Again, autopsyGrace)
	}
	wait := left(in, component)
	if !in.PodsKnown {
		wait = max(wait, in.PodsAsked.Add(autopsyGrace).Sub(in.Now))
	}
	if wait <= 0 {
		verdict.Failure = overdue(in, component, symptoms)
		return verdict
	}
	verdict.Again = model.Sooner(verdict.Again, wait)
	return verdict
}

// Progress is how far a Deployment has come with its template.
type Progress struct {
	// Complete says that all pods run the template and are available (R6). A pod
	// is available once it has been ready for minReadySeconds on end, so none of
	// its containers restarted in that time.
	Complete bool
	// Message says in words what is waited for.
	Message string
}

// Of is how far the Deployment has come.
func Of(deployment *appsv1.Deployment) Progress {
	status := deployment.Status
	desired := ptr.Deref(deployment.Spec.Replicas, 1)
	waiting := func(format string, args ...any) Progress {
		return Progress{Message: deployment.Name + ": " + fmt.Sprintf(format, args...)}
	}
	switch {
	case status.ObservedGeneration < deployment.Generation:
		return waiting("the change is not taken up yet")
	case status.UpdatedReplicas < desired:
		return waiting("%d of %d new pods created", status.UpdatedReplicas, desired)
	case status.Replicas > status.UpdatedReplicas:
		return waiting("pods of earlier revisions still to end: %d", status.Replicas-status.UpdatedReplicas)
	case status.AvailableReplicas < desired:
		return waiting("%d of %d new pods available", status.AvailableReplicas, desired)
	}
	return Progress{Complete: true, Message: fmt.Sprintf("%s: %d of %d pods available", deployment.Name, desired, desired)}
}

// condition is that of the Deployment of the type, or nil.
func condition(deployment *appsv1.Deployment, conditionType appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	if deployment == nil {
		return nil
	}
	for i := range deployment.Status.Conditions {
		if deployment.Status.Conditions[i].Type == conditionType {
			return &deployment.Status.Conditions[i]
		}
	}
	return nil
}

// stands says whether the condition is true.
func stands(c *appsv1.DeploymentCondition) bool { return c != nil && c.Status == corev1.ConditionTrue }
