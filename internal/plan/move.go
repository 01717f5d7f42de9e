// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
)

// maxCause is how many bytes of a change cause are kept.
const maxCause = 1024

// move is where the stack is to go.
type move struct {
	// record makes a revision; nothing else is done before it is there.
	record *model.Step
	// target is the revision that is to run, or still runs; nil where none can.
	target *model.Revision
	// begin is the rollout to the target that is to start; nil where it has.
	begin *model.Rollout
	// source is the hash of a spec content that the target turned out to be of.
	source string
	// held says that spec.paused keeps the stack from going further.
	held    bool
	problem *model.Problem
}

// move decides where the stack is to go. Where it cannot go where the spec
// says, it stays where it is, and that is kept running.
func (p Planner) move(state model.State, current *model.Rollout, now time.Time) move {
	spec := state.Stack.Spec
	stay := move{}
	if current != nil {
		stay.target = revision.Find(state.Revisions, current.Revision)
	}
	choice := revision.Choose(spec, state.Revisions)
	stay.problem = choice.Problem
	if choice.Problem != nil {
		return stay
	}
	if spec.Paused {
		stay.held = current == nil || choice.Number != current.Revision ||
			current.Outcome == v1alpha1.OutcomeProgressing
		return stay
	}
	begin := model.Rollout{Trigger: choice.Trigger, Message: choice.Message, StartedAt: now}
	if choice.Number != 0 {
		return to(state, current, choice.Number, begin)
	}
	content, err := render.Content(render.Input{
		Stack:    state.Stack,
		Defaults: p.Defaults,
		Restart:  choice.Restart,
		Adopted:  adoptions(state),
	})
	if err != nil {
		stay.problem = renderProblem(err)
		return stay
	}
	// the same content keeps its number, however it is written (R3)
	hash, source := model.Hash(content), revision.SourceHash(spec)
	for _, rev := range state.Revisions {
		if rev.Record.ContentHash == hash {
			same := to(state, current, rev.Number, begin)
			same.source = source
			return same
		}
	}
	rev := release(state, content, begin, model.Record{Sources: []string{source}, ContentHash: hash})
	children := children(state, components(state.Stack, rev, []model.Revision{rev}))
	if stay.problem = conflict(state.Stack, children); stay.problem != nil {
		return stay
	}
	stay.record = record(rev, begin, children)
	return stay
}

// to goes to an existing revision. Where that is the one that runs, or is being
// rolled out, no rollout starts (R10).
func to(state model.State, current *model.Rollout, number int64, begin model.Rollout) move {
	target := move{target: revision.Find(state.Revisions, number)}
	if current == nil || current.Revision != number {
		target.begin = &begin
	}
	return target
}

// release is the new revision of the content, with the start of its rollout.
func release(state model.State, content model.Content, begin model.Rollout, record model.Record) model.Revision {
	stack := state.Stack
	record.RestartedAt = revision.LatestRestart(state.Revisions)
	if at := stack.Spec.RestartedAt; at != nil && (record.RestartedAt == nil || at.After(*record.RestartedAt)) {
		record.RestartedAt = ptr.To(at.UTC())
	}
	record.ChangeCause = truncate(stack.Annotations[v1alpha1.AnnotationChangeCause], maxCause)
	record.Operations = render.Operations(stack.Spec)
	rev := model.Revision{Number: revision.Next(state.Revisions), Content: content, Record: record}
	rev.Name = naming.Revision(stack.Name, rev.Number)
	return revision.Begin(rev, revision.Timeline(state.Revisions), begin)
}

// record is the step that makes a revision, once the API server has accepted
// all that it consists of.
func record(rev model.Revision, begin model.Rollout, children []child) *model.Step {
	var trial []model.Step
	for _, child := range children {
		trial = append(trial, child.step)
	}
	return &model.Step{
		Verb:     model.VerbRecord,
		Kind:     model.KindRevision,
		Name:     rev.Name,
		Reason:   startReason(rev.Number, begin),
		Event:    v1alpha1.EventRolloutStarted,
		Revision: &rev,
		Trial:    trial,
	}
}

func startReason(number int64, begin model.Rollout) string {
	return "revision " + strconv.FormatInt(number, 10) + ": " + begin.Message
}

func renderProblem(err error) *model.Problem {
	if _, ok := errors.AsType[*render.InvalidPodTemplateError](err); ok {
		return &model.Problem{Reason: v1alpha1.ReasonInvalidPodTemplate, Message: err.Error()}
	}
	return &model.Problem{Reason: v1alpha1.ReasonRejected, Message: fmt.Sprintf("rendering: %v", err)}
}

// adoptions are the labels that the pods of components have to carry, because
// a Deployment or a Service that was there before the stack selects them. A
// Deployment's selector cannot be changed, so every revision keeps it.
func adoptions(state model.State) map[string]render.Adoption {
	adoptions := map[string]render.Adoption{}
	for component := range render.Operations(state.Stack.Spec) {
		name := naming.Object(state.Stack.Name, component)
		deployment := state.Deployments[name]
		if deployment == nil || deployment.Spec.Selector == nil ||
			len(deployment.Spec.Selector.MatchLabels) == 0 || len(deployment.Spec.Selector.MatchExpressions) > 0 {
			continue
		}
		adoption := render.Adoption{Selector: deployment.Spec.Selector.MatchLabels}
		if service := state.Services[name]; service != nil &&
			model.OwnershipOf(state.Stack, service) == model.Unclaimed {
			adoption.Labels = service.Spec.Selector
		}
		adoptions[component] = adoption
	}
	return adoptions
}

func truncate(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return s[:limit]
}
