// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
)

// expectAvailable checks that as many pods stay available as the strategy requires, or as many as
// were available before if those were fewer.
func (w *World) expectAvailable(name string, deployment *appsv1.Deployment, serving int32) {
	update := deployment.Spec.Strategy.RollingUpdate
	if update == nil {
		return
	}
	desired := replicas(deployment)
	least := min(serving, desired-scaled(update.MaxUnavailable, desired, false))
	if deployment.Status.AvailableReplicas < least {
		w.violate("%s: %d pods available, and %d are to stay", name, deployment.Status.AvailableReplicas, least)
	}
}

// expectNotScaledDown checks that a write reduces a Deployment's replicas only to a number in the
// spec or in the recorded operation of the component.
func (w *World) expectNotScaledDown(live, put *appsv1.Deployment) {
	if replicas(put) >= replicas(live) {
		return
	}
	component := live.Labels[naming.LabelComponent]
	asked := []model.Operation{render.Operations(w.Stack().Spec)[component]}
	for _, rev := range w.state.Revisions {
		asked = append(asked, rev.Record.Operations[component])
	}
	if !slices.ContainsFunc(asked, func(o model.Operation) bool { return o.Replicas != nil && *o.Replicas == replicas(put) }) {
		w.violate("%s is scaled from %d to %d, which nobody asked for", live.Name, replicas(live), replicas(put))
	}
}

// expectHarmless checks that a deletion removes nothing that is still needed: the revision of the
// newest rollout and its Deployments, the rollback target, the revision with the failure report,
// and a Deployment that serves while a rollout has not succeeded (R8, R9, R18).
func (w *World) expectHarmless(step model.Step) {
	timeline := revision.Timeline(w.state.Revisions)
	gone, ok := step.(model.Delete)
	if !ok || len(timeline) == 0 {
		return
	}
	active := revision.Find(w.state.Revisions, timeline[0].Revision)
	if gone.Kind == model.KindRevision {
		needed := []string{active.Name}
		for _, rollout := range []*model.Rollout{revision.LastGood(timeline), revision.ReportedFailure(timeline)} {
			if rollout != nil {
				needed = append(needed, naming.Revision(w.Stack().Name, rollout.Revision))
			}
		}
		if slices.Contains(needed, gone.Name) {
			w.violate("a revision that is needed is deleted: %s", step)
		}
		return
	}
	if gone.Kind != model.KindDeployment {
		return
	}
	for _, component := range active.Content.Components {
		if naming.Object(w.Stack().Name, component.Name) == gone.Name {
			w.violate("a Deployment that is needed is deleted: %s", step)
		}
	}
	live := w.state.Children.Deployment(gone.Name)
	if timeline[0].Outcome != v1alpha1.OutcomeSucceeded && live != nil && live.Status.AvailableReplicas > 0 &&
		revision.LastGood(timeline) != nil {
		w.violate("a Deployment that serves is deleted before the rollout has succeeded: %s", step)
	}
}

// expectHistoryGrows checks that rollouts are only added to the history and end only once, and that
// each failure is followed by at most one automatic rollback (R5, R13).
func (w *World) expectHistoryGrows() {
	before, after := w.timeline, revision.Timeline(w.state.Revisions)
	w.timeline = after
	for _, old := range before {
		at := slices.IndexFunc(after, func(r model.Rollout) bool { return r.Sequence == old.Sequence })
		switch {
		case at < 0:
			if rev := revision.Find(w.state.Revisions, old.Revision); rev != nil && len(rev.Record.Rollouts) < 10 {
				w.violate("rollout %d of revision %d is gone from the history", old.Sequence, old.Revision)
			}
		case !old.Open() && old.Outcome != after[at].Outcome:
			w.violate("rollout %d was %s and is %s", old.Sequence, old.Outcome, after[at].Outcome)
		case old.Failure != nil && after[at].Failure == nil:
			w.violate("the failure of rollout %d is gone", old.Sequence)
		}
	}
	for i, rollout := range after {
		if i > 0 && rollout.Sequence >= after[i-1].Sequence {
			w.violate("two rollouts have the number %d", rollout.Sequence)
		}
		if rollout.Trigger != v1alpha1.TriggerAutoRollback || i == len(after)-1 {
			continue
		}
		if left := after[i+1]; left.Sequence == rollout.Sequence-1 && (left.Revision != rollout.From || left.Failure == nil ||
			left.Trigger == v1alpha1.TriggerAutoRollback) {
			w.violate("the automatic rollback to revision %d follows on no failure: %+v", rollout.Revision, left)
		}
	}
}

// expectTransition checks that the rollout's phase changes as plan.Transitions allows.
func (w *World) expectTransition(planned model.Plan) {
	if planned.Rollout == nil || planned.Phase == "" {
		return
	}
	before := w.phase
	if planned.Rollout.Sequence != w.sequence {
		before = ""
	}
	w.phase, w.sequence = planned.Phase, planned.Rollout.Sequence
	if before != planned.Phase && !slices.Contains(plan.Transitions[before], planned.Phase) {
		w.violate("rollout %d goes from phase %q to %q", w.sequence, before, planned.Phase)
	}
}
