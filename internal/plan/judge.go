// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
	"github.com/appstack-dev/appstack/internal/rollout"
)

// maxFailure is the maximum length of a stored failure message, in bytes.
const maxFailure = 6 << 10

// maxReason is the maximum length of a failure in logs and events, in bytes.
const maxReason = 800

// situation holds the rollout under way and what this reconcile has planned for it.
type situation struct {
	state      model.State
	rollout    model.Rollout
	components []model.Desired
	// writes are the child writes that are due.
	writes []model.WriteChild
	phase  model.Phase
	now    time.Time
}

// verdict judges the rollout. A rollout that has ended is only checked for completeness.
func (s situation) verdict() rollout.Verdict {
	if !s.rollout.Open() {
		return rollout.Verdict{Complete: complete(s.state, s.components)}
	}
	if s.late() {
		s.rollout.ResumedAt = &s.now
	}
	policy := ptr.Deref(s.state.Stack.Spec.Rollout, v1alpha1.RolloutPolicy{})
	in := rollout.Input{
		Rollout: s.rollout,
		Policy: rollout.Policy{
			Deadline:     render.ProgressDeadline(s.state.Stack.Spec),
			DeadlineOnly: policy.FailureDetection == v1alpha1.FailureDetectionDeadlineOnly,
		},
		PodsKnown:    s.state.Pods.Known,
		PodsAsked:    s.state.Pods.Asked,
		PodsGone:     s.state.Pods.Gone,
		Observations: s.state.Observations.Of(s.rollout),
		Now:          s.now,
	}
	for _, pod := range s.state.Pods.All {
		if pod.Terminating {
			in.Terminating = append(in.Terminating, pod)
		}
	}
	for _, component := range s.components {
		if !component.Retiring {
			in.Components = append(in.Components, s.observed(component))
		}
	}
	return rollout.Judge(in)
}

// observed returns the observed state of a component, as input for the verdict.
func (s situation) observed(component model.Desired) rollout.Component {
	seen := rollout.Component{
		Name:       component.Name,
		Deployment: s.state.Deployment(component.Name),
		Refusal:    s.refused(component),
		Arrived:    slices.Contains(s.rollout.Arrived, component.Name),
	}
	template := ""
	if seen.Deployment != nil && atRevision(seen.Deployment.Annotations, component) {
		seen.Written = true
		template = model.TemplateHash(seen.Deployment.Spec.Template)
	}
	for _, pod := range s.state.Pods.All {
		if pod.Component != component.Name {
			continue
		}
		if pod.Starting != nil {
			seen.Starting = append(seen.Starting, pod)
		}
		switch {
		case template == "" || pod.Template == "":
		case pod.Template == template:
			seen.Pods = append(seen.Pods, pod)
		default:
			seen.Earlier = append(seen.Earlier, pod.ReplicaSet.Name)
		}
	}
	return seen
}

// atRevision reports whether a Deployment with these annotations is at the component's
// revision.
func atRevision(annotations map[string]string, component model.Desired) bool {
	return annotations[naming.AnnotationRevision] == strconv.FormatInt(component.Revision, 10)
}

// due returns the writes that are due for the component's Deployment and Service.
func (s situation) due(component model.Desired) []model.WriteChild {
	return slices.DeleteFunc(slices.Clone(s.writes), func(step model.WriteChild) bool {
		return !kinds.Of(step.Kind).Content || step.Name != naming.Object(s.state.Stack.Name, component.Name)
	})
}

// refused returns the API server's rejection of a due write of the component's Deployment or
// Service; nil if there is none.
func (s situation) refused(component model.Desired) *model.Rejection {
	for _, step := range s.due(component) {
		if refusal, ok := s.state.Rejection(step); ok && s.now.Sub(refusal.At) <= s.sinceRecorded(s.rollout.StartedAt) {
			return &refusal
		}
	}
	return nil
}

// sinceRecorded returns the time that has passed since a recorded time of the rollout.
func (s situation) sinceRecorded(at time.Time) time.Duration {
	return s.state.Observations.Of(s.rollout).Since(at, s.now)
}

// arrived returns the components that became complete before the others and that the rollout's
// record does not list yet.
func (s situation) arrived(verdict rollout.Verdict) []string {
	return slices.DeleteFunc(slices.Clone(verdict.Arrived),
		func(name string) bool { return slices.Contains(s.rollout.Arrived, name) })
}

// empty reports whether every component, except those being removed, is scaled to zero.
func (s situation) empty() bool {
	for _, component := range s.components {
		if deployment := s.state.Deployment(component.Name); !component.Retiring && ptr.Deref(deployment.Spec.Replicas, 1) != 0 {
			return false
		}
	}
	return true
}

// judge records what the verdict changes: the rollout succeeds (R6), fails (R17), or gets more
// time. A rollout that succeeded at zero replicas counts as good once its first pods are
// available.
func (r *records) judge(s situation, verdict rollout.Verdict) {
	number := s.rollout.Revision
	switch {
	case verdict.Complete && s.rollout.Open():
		reason := fmt.Sprintf("revision %d runs: all its pods are available", number)
		r.ended[number] = r.note(s.rollout, reason, func(noted *model.Rollout) {
			noted.Outcome, noted.EndedAt, noted.Empty = v1alpha1.OutcomeSucceeded, &s.now, s.empty()
		})
		r.events[number] = v1alpha1.EventRolloutSucceeded
	case verdict.Complete && s.rollout.Outcome == v1alpha1.OutcomeSucceeded && s.rollout.Empty && !s.empty():
		r.note(s.rollout, fmt.Sprintf("revision %d has pods now, and they are available", number),
			func(noted *model.Rollout) { noted.Empty = false })
	case verdict.Failure != nil:
		verdict.Failure.Message = model.Truncate(verdict.Failure.Message, maxFailure)
		reason := model.Truncate(fmt.Sprintf("revision %d failed: %s", number, verdict.Failure), maxReason)
		r.ended[number] = r.note(s.rollout, reason,
			func(noted *model.Rollout) { noted.Failure = verdict.Failure })
		r.events[number] = v1alpha1.EventRolloutFailed
	case s.late():
		r.note(s.rollout, fmt.Sprintf("the time for the progress of revision %d runs from now", number),
			func(noted *model.Rollout) { noted.ResumedAt = &s.now })
	default:
		if arrived := s.arrived(verdict); len(arrived) > 0 {
			r.note(s.rollout, fmt.Sprintf("revision %d runs in component %s", number, strings.Join(arrived, ", ")),
				func(noted *model.Rollout) { noted.Arrived = slices.Concat(noted.Arrived, arrived) })
		}
	}
}

// note changes the record of a rollout and returns the changed rollout.
func (r *records) note(rollout model.Rollout, reason string, change func(*model.Rollout)) *model.Rollout {
	rev := *revision.Find(r.all, rollout.Revision)
	for _, noted := range rev.Record.Rollouts {
		if noted.Sequence == rollout.Sequence {
			change(&noted)
			r.change(rev.Number, revision.Replace(rev, noted), reason)
			return &noted
		}
	}
	return nil
}
