// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
)

// records collects the changes of revision records, so that each revision is updated only once.
type records struct {
	all     []model.Revision
	reasons map[int64][]string
	events  map[int64]string
	ended   map[int64]*model.Rollout
}

func newRecords(revisions []model.Revision) *records {
	return &records{
		all:     slices.Clone(revisions),
		reasons: map[int64][]string{}, events: map[int64]string{}, ended: map[int64]*model.Rollout{},
	}
}

func (r *records) change(number int64, changed model.Revision, reason string) {
	*revision.Find(r.all, number) = changed
	r.reasons[number] = append(r.reasons[number], reason)
}

// alias adds the spec's source to the revision that it renders to.
func (r *records) alias(also alias) {
	if also.number == 0 || revision.Find(r.all, also.number).Record.HasSource(also.source) {
		return
	}
	rev := *revision.Find(r.all, also.number)
	rev.Record = also.in(rev.Record)
	r.change(also.number, rev, fmt.Sprintf("the spec renders to the content of revision %d", also.number))
}

// declare records that the spec now asks for the target of an automatic rollback (R10). If the
// spec asks for the failed revision again later, that is a new request, and the revision is
// rolled out again (R12).
func (r *records) declare(rollout model.Rollout, spec v1alpha1.AppStackSpec) {
	if rollout.Abandoned() == 0 {
		return
	}
	r.note(rollout, fmt.Sprintf("the spec asks for revision %d itself", rollout.Revision),
		func(noted *model.Rollout) {
			noted.Declared = true
			if spec.Rollback != nil {
				noted.Cause = spec.Rollback.Cause
			}
		})
}

// adopt adopts orphaned revisions: it makes the stack their controller again (R26).
func (r *records) adopt() {
	for _, rev := range r.all {
		if rev.Orphan {
			r.change(rev.Number, rev, "adopted: it has the stack's labels and no controller")
		}
	}
}

// operate records the operation of the additional components, for a rollback that restores them
// after the spec has dropped them (R1). The main component is always in the spec.
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

// baseline records the hashes of ConfigMaps that the revision's templates reference directly, unless
// they are recorded already. A later difference from them is a change of the ConfigMap.
func (r *records) baseline(rev model.Revision, config *model.ConfigState) {
	if config == nil || config.Observed == nil {
		return
	}
	known := revision.Config(rev)
	unknown := map[string]string{}
	for _, name := range sourcesOf(config, rev.Content) {
		if now, observed := config.Observed[name]; observed && known[name] == "" {
			unknown[name] = now.Hash
		}
	}
	if len(unknown) == 0 {
		return
	}
	changed := *revision.Find(r.all, rev.Number)
	maps.Copy(unknown, changed.Record.ConfigBaseline)
	changed.Record.ConfigBaseline = unknown
	r.change(rev.Number, changed, "the content of the ConfigMaps that it names is recorded")
}

// steps returns one update for each changed revision.
func (r *records) steps() []model.UpdateRevision {
	var steps []model.UpdateRevision
	for _, rev := range r.all {
		if reasons := r.reasons[rev.Number]; len(reasons) > 0 {
			ended := r.ended[rev.Number]
			steps = append(steps, model.UpdateRevision{
				Why:      model.Why{Reason: strings.Join(reasons, "; "), Event: r.events[rev.Number]},
				Revision: rev,
				Ended:    ended,
				Settles:  len(reasons) == 1 && ended != nil && ended.Outcome == v1alpha1.OutcomeSucceeded,
			})
		}
	}
	return steps
}

// prunings returns the deletions of revisions beyond the history limit (R8).
func prunings(spec v1alpha1.AppStackSpec, revisions []model.Revision, target int64) []model.Delete {
	timeline := revision.Timeline(revisions)
	keep := append(revision.Serving(timeline, target), target)
	if good := revision.LastGood(timeline); good != nil {
		keep = append(keep, good.Revision)
	}
	if len(timeline) > 0 {
		keep = append(keep, timeline[0].From) // the failed revision identifies the content that is not rolled out again
	}
	if failed := revision.ReportedFailure(timeline); failed != nil {
		keep = append(keep, failed.Revision) // the failure report is kept with it (R18)
	}
	if rollback := spec.Rollback; rollback != nil {
		keep = append(keep, rollback.ToRevision, ptr.Deref(rollback.FromRevision, 0))
	}
	limit := int(render.HistoryLimit(spec))
	var steps []model.Delete
	for _, rev := range revision.Prunable(revisions, limit, keep) {
		steps = append(steps, model.Delete{ObjectID: rev.ObjectID(), Why: model.Why{
			Reason: fmt.Sprintf("beyond the %d revisions that the stack keeps", limit),
		}})
	}
	return steps
}
