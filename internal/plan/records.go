// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
)

// records collects what changes in what is recorded of revisions, so that each
// of them is written once.
type records struct {
	all     []model.Revision
	reasons map[int64][]string
	events  map[int64]string
}

func newRecords(revisions []model.Revision) *records {
	return &records{all: slices.Clone(revisions), reasons: map[int64][]string{}, events: map[int64]string{}}
}

func (r *records) change(number int64, changed model.Revision, reason string) {
	*revision.Find(r.all, number) = changed
	r.reasons[number] = append(r.reasons[number], reason)
}

// judge ends the rollout well, if it is under way and everything runs as it
// should (R6). One that ended with no pods at all becomes good with the first.
func (r *records) judge(rollout model.Rollout, state model.State, desired []model.Desired, now time.Time) {
	if state.Stack.Spec.Paused || !complete(state, desired) {
		return
	}
	empty := true
	for _, component := range desired {
		deployment := state.Deployment(component.Name)
		empty = empty && (component.Retiring || ptr.Deref(deployment.Spec.Replicas, 1) == 0)
	}
	rev := revision.Find(r.all, rollout.Revision)
	switch {
	case rollout.Outcome == v1alpha1.OutcomeProgressing:
		rollout.Outcome, rollout.EndedAt, rollout.Empty = v1alpha1.OutcomeSucceeded, &now, empty
		r.change(rev.Number, revision.Replace(*rev, rollout),
			fmt.Sprintf("revision %d runs: all its pods are available", rev.Number))
		r.events[rev.Number] = v1alpha1.EventRolloutSucceeded
	case rollout.Outcome == v1alpha1.OutcomeSucceeded && rollout.Empty && !empty:
		rollout.Empty = false
		r.change(rev.Number, revision.Replace(*rev, rollout), fmt.Sprintf("revision %d has pods now, and they are available", rev.Number))
	}
}

// alias notes that the revision is also that of another spec content, which
// renders to the same.
func (r *records) alias(number int64, source string) {
	rev := *revision.Find(r.all, number)
	if source == "" || rev.Record.HasSource(source) {
		return
	}
	rev.Record = rev.Record.WithSource(source)
	r.change(number, rev, fmt.Sprintf("the spec renders to the content of revision %d", number))
}

// takeBack makes the stack the controller of revisions that have none (R26).
func (r *records) takeBack() {
	for _, rev := range r.all {
		if rev.Orphan {
			r.change(rev.Number, rev, "taken back: it has the stack's labels and no controller")
		}
	}
}

// operate notes how the further components are run, for a rollback that brings
// them back after the spec has dropped them (R1). The spec always has the main one.
func (r *records) operate(target int64, desired []model.Desired) {
	rev := *revision.Find(r.all, target)
	operations := map[string]model.Operation{}
	for _, component := range desired {
		if !component.Retiring && component.Name != naming.Main {
			operations[component.Name] = component.Operation
		}
	}
	if equality.Semantic.DeepEqual(rev.Record.Operations, operations) {
		return
	}
	rev.Record.Operations = operations
	r.change(target, rev, "replicas, autoscaling or disruption budget of a component changed")
}

// steps are the writes of all revisions that changed.
func (r *records) steps() []model.Step {
	var steps []model.Step
	for _, rev := range r.all {
		if reasons := r.reasons[rev.Number]; len(reasons) > 0 {
			steps = append(steps, model.Step{
				Verb:     model.VerbAnnotate,
				Kind:     model.KindRevision,
				Name:     rev.Name,
				UID:      rev.UID,
				Reason:   strings.Join(reasons, "; "),
				Event:    r.events[rev.Number],
				Revision: &rev,
			})
		}
	}
	return steps
}

// prunings delete the revisions beyond the stack's limit (R8).
func prunings(spec v1alpha1.AppStackSpec, revisions []model.Revision, target int64) []model.Step {
	timeline := revision.Timeline(revisions)
	keep := append(revision.Serving(timeline, target), target)
	if good := revision.LastGood(timeline); good != nil {
		keep = append(keep, good.Revision)
	}
	if rollback := spec.Rollback; rollback != nil {
		keep = append(keep, rollback.ToRevision, ptr.Deref(rollback.FromRevision, 0))
	}
	limit := int(render.HistoryLimit(spec))
	var steps []model.Step
	for _, rev := range revision.Prunable(revisions, limit, keep) {
		steps = append(steps, model.Step{
			Verb:   model.VerbDelete,
			Kind:   model.KindRevision,
			Name:   rev.Name,
			UID:    rev.UID,
			Reason: fmt.Sprintf("beyond the %d revisions that the stack keeps", limit),
		})
	}
	return steps
}
