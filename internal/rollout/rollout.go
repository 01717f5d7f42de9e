// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package rollout decides from the state of a rollout's Deployments and pods whether it is
// progressing, has succeeded or has failed, and why. It does no I/O and keeps no state.
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

// Policy sets when a rollout fails.
type Policy struct {
	// Deadline is how long a component may stay without progress.
	Deadline time.Duration
	// DeadlineOnly makes only the deadline fail a rollout: symptoms of its pods no longer do (R17).
	DeadlineOnly bool
}

// Input is an open rollout and the observed state of its objects.
type Input struct {
	Rollout model.Rollout
	Policy  Policy
	// Components are the components that the rollout updates to its revision.
	Components []Component
	// PodsKnown reports whether the pods have been listed; PodsAsked is when watching them began.
	PodsKnown bool
	PodsAsked time.Time
	// Terminating are the stack's pods that are being deleted, of any component and template.
	// PodsGone is when a pod was last observed to be gone.
	Terminating []model.Pod
	PodsGone    time.Time
	// Observations is what the operator process itself has observed of the rollout.
	Observations model.Observations
	Now          time.Time
}

// Component is the observed state of one component in a rollout.
type Component struct {
	Name string
	// Deployment is nil if it does not exist yet.
	Deployment *appsv1.Deployment
	// Written reports whether the Deployment has been updated to the revision.
	Written bool
	// Arrived reports whether the component has been complete at some time since the rollout
	// started. It then no longer counts as lacking progress (R6).
	Arrived bool
	// Pods are the pods of the Deployment's current template, ordered by name.
	Pods []model.Pod
	// Starting are its pods, of any template, whose containers are not all created.
	Starting []model.Pod
	// Earlier names the ReplicaSets of other templates that still have pods.
	Earlier []string
	// Refusal is the API server's rejection of the component's Deployment or Service, or nil if
	// both were accepted.
	Refusal *model.Rejection
}

// Verdict is the state of the rollout.
type Verdict struct {
	// Complete reports whether all components run the revision, with all pods available (R6).
	Complete bool
	// Failure is why the rollout fails, or nil if it does not.
	Failure *model.Failure
	// Arrived are the names of the complete components.
	Arrived []string
	// Waits describes what the rollout is waiting for.
	Waits string
	// Again is the time after which the verdict may change even if nothing changes in the cluster;
	// 0 if only a change in the cluster can change it.
	Again time.Duration
}

// NeedsTemplates reports whether Judge needs to know the template of each pod even if none is in
// trouble. It does when the rollout has failed, to detect a recovery; when pods are rejected; and
// when the deadline is due, to explain it.
func NeedsTemplates(
	open model.Rollout, deadline time.Duration, deployments map[string]*appsv1.Deployment, observations model.Observations, now time.Time,
) bool {
	if open.Failed() || observations.Since(open.DeadlineFrom(), now) >= deadline-time.Second { // Judge runs slightly later
		return true
	}
	for _, deployment := range deployments {
		if Refused(deployment) {
			return true
		}
	}
	return false
}

// Judge returns the state of the rollout. A rollout that has failed can only recover.
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

// and combines the verdicts on two components; the values of v take precedence.
func (v Verdict) and(other Verdict) Verdict {
	v.Failure, v.Waits = cmp.Or(v.Failure, other.Failure), cmp.Or(v.Waits, other.Waits)
	v.Again = model.Sooner(v.Again, other.Again)
	return v
}

// waitsFor describes what the component is waiting for; it returns "" if the component is complete.
func waitsFor(component Component) string {
	if component.Refusal != nil {
		return "component " + component.Name + ": the API server rejected it"
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

// judge returns the state of one component's rollout.
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
		verdict.Again = model.Sooner(verdict.Again, firstListGrace)
	}
	wait := left(in, component)
	if !in.PodsKnown {
		wait = max(wait, in.PodsAsked.Add(firstListGrace).Sub(in.Now))
	}
	if wait <= 0 {
		verdict.Failure = overdue(in, component, symptoms)
		return verdict
	}
	verdict.Again = model.Sooner(verdict.Again, wait)
	return verdict
}

// Progress is how far a Deployment has rolled out its template.
type Progress struct {
	// Complete reports whether all pods run the template and are available (R6). A pod becomes
	// available after being ready for minReadySeconds without interruption, so none of its
	// containers restarted in that time.
	Complete bool
	// Message describes what the Deployment is waiting for.
	Message string
}

// Of returns the rollout progress of the Deployment.
func Of(deployment *appsv1.Deployment) Progress {
	status := deployment.Status
	desired := ptr.Deref(deployment.Spec.Replicas, 1)
	waiting := func(format string, args ...any) Progress {
		return Progress{Message: deployment.Name + ": " + fmt.Sprintf(format, args...)}
	}
	switch {
	case status.ObservedGeneration < deployment.Generation:
		return waiting("the change is not observed by the Deployment controller yet")
	case status.UpdatedReplicas < desired:
		return waiting("%d of %d new pods created", status.UpdatedReplicas, desired)
	case status.Replicas > status.UpdatedReplicas:
		return waiting("pods of earlier revisions still terminating: %d", status.Replicas-status.UpdatedReplicas)
	case status.AvailableReplicas < desired:
		return waiting("%d of %d new pods available", status.AvailableReplicas, desired)
	}
	return Progress{Complete: true, Message: fmt.Sprintf("%s: %d of %d pods available", deployment.Name, desired, desired)}
}

// condition returns the Deployment's condition of that type, or nil.
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

// stands reports whether the condition exists and is True.
func stands(c *appsv1.DeploymentCondition) bool { return c != nil && c.Status == corev1.ConditionTrue }
