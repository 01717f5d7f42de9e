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

// maxAutopsy is the maximum length of a stored failure message, in bytes.
const maxAutopsy = 6 << 10

// maxReason is the maximum length of a failure in logs and events, in bytes.
const maxReason = 800

// pass holds the rollout under way and what this reconcile has planned for it.
type pass struct {
	state      model.State
	rollout    model.Rollout
	components []model.Desired
	// writes are the child writes that are due.
	writes []model.WriteChild
	phase  model.Phase
	now    time.Time
}

// verdict judges the rollout. A rollout that has ended is only checked for completeness.
func (p pass) verdict() rollout.Verdict {
	if !p.rollout.Open() {
		return rollout.Verdict{Complete: complete(p.state, p.components)}
	}
	if p.late() {
		p.rollout.ResumedAt = &p.now
	}
	policy := ptr.Deref(p.state.Stack.Spec.Rollout, v1alpha1.RolloutPolicy{})
	in := rollout.Input{
		Rollout: p.rollout,
		Policy: rollout.Policy{
			Deadline:     render.ProgressDeadline(p.state.Stack.Spec),
			DeadlineOnly: policy.FailureDetection == v1alpha1.FailureDetectionDeadlineOnly,
		},
		PodsKnown: p.state.Pods.Known,
		PodsAsked: p.state.Pods.Asked,
		PodsGone:  p.state.Pods.Gone,
		Sight:     p.state.Sight.Of(p.rollout),
		Now:       p.now,
	}
	for _, pod := range p.state.Pods.All {
		if pod.Terminating {
			in.Terminating = append(in.Terminating, pod)
		}
	}
	for _, component := range p.components {
		if !component.Retiring {
			in.Components = append(in.Components, p.observed(component))
		}
	}
	return rollout.Judge(in)
}

// observed returns the observed state of a component, as input for the verdict.
func (p pass) observed(component model.Desired) rollout.Component {
	seen := rollout.Component{
		Name:       component.Name,
		Deployment: p.state.Deployment(component.Name),
		Refusal:    p.refused(component),
		Arrived:    slices.Contains(p.rollout.Arrived, component.Name),
	}
	template := ""
	if seen.Deployment != nil && atRevision(seen.Deployment.Annotations, component) {
		seen.Written = true
		template = model.TemplateHash(seen.Deployment.Spec.Template)
	}
	for _, pod := range p.state.Pods.All {
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
func (p pass) due(component model.Desired) []model.WriteChild {
	return slices.DeleteFunc(slices.Clone(p.writes), func(step model.WriteChild) bool {
		return !kinds.Of(step.Kind).Content || step.Name != naming.Object(p.state.Stack.Name, component.Name)
	})
}

// refused returns the API server's rejection of a content write of the component that is still
// due; nil if there is none.
func (p pass) refused(component model.Desired) *model.Rejection {
	for _, step := range p.due(component) {
		if refusal, ok := p.state.Rejection(step); ok && p.now.Sub(refusal.At) <= p.sinceRecorded(p.rollout.StartedAt) {
			return &refusal
		}
	}
	return nil
}

// sinceRecorded returns the time that has passed since a recorded time of the rollout.
func (p pass) sinceRecorded(at time.Time) time.Duration {
	return p.state.Sight.Of(p.rollout).Since(at, p.now)
}

// arrived returns the components that are complete while others are not, and that the rollout's
// record does not name yet.
func (p pass) arrived(verdict rollout.Verdict) []string {
	return slices.DeleteFunc(slices.Clone(verdict.Arrived),
		func(name string) bool { return slices.Contains(p.rollout.Arrived, name) })
}

// empty reports whether every component that stays is scaled to zero.
func (p pass) empty() bool {
	for _, component := range p.components {
		if deployment := p.state.Deployment(component.Name); !component.Retiring && ptr.Deref(deployment.Spec.Replicas, 1) != 0 {
			return false
		}
	}
	return true
}

// judge records what the verdict changes: the rollout succeeds (R6), fails (R17), or gets more
// time. A rollout that succeeded at zero replicas counts as good once its first pods are
// available.
func (r *records) judge(p pass, verdict rollout.Verdict) {
	number := p.rollout.Revision
	switch {
	case verdict.Complete && p.rollout.Open():
		reason := fmt.Sprintf("revision %d runs: all its pods are available", number)
		r.ended[number] = r.note(p.rollout, reason, func(noted *model.Rollout) {
			noted.Outcome, noted.EndedAt, noted.Empty = v1alpha1.OutcomeSucceeded, &p.now, p.empty()
		})
		r.events[number] = v1alpha1.EventRolloutSucceeded
	case verdict.Complete && p.rollout.Outcome == v1alpha1.OutcomeSucceeded && p.rollout.Empty && !p.empty():
		r.note(p.rollout, fmt.Sprintf("revision %d has pods now, and they are available", number),
			func(noted *model.Rollout) { noted.Empty = false })
	case verdict.Failure != nil:
		verdict.Failure.Message = model.Truncate(verdict.Failure.Message, maxAutopsy)
		reason := model.Truncate(fmt.Sprintf("revision %d failed: %s", number, verdict.Failure), maxReason)
		r.ended[number] = r.note(p.rollout, reason,
			func(noted *model.Rollout) { noted.Failure = verdict.Failure })
		r.events[number] = v1alpha1.EventRolloutFailed
	case p.late():
		r.note(p.rollout, fmt.Sprintf("the time for the progress of revision %d runs from now", number),
			func(noted *model.Rollout) { noted.ResumedAt = &p.now })
	default:
		if arrived := p.arrived(verdict); len(arrived) > 0 {
			r.note(p.rollout, fmt.Sprintf("revision %d runs in component %s", number, strings.Join(arrived, ", ")),
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
