// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision

import (
	"slices"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// RollbackTarget returns the rollback target of an automatic rollback: the last good rollout of another
// revision, in the order of the rollouts (R12). It returns nil if the newest rollout has not
// failed, if no other revision was good (R14), or if the newest rollout is itself an automatic
// rollback, because a failed one is not followed by another (R13).
func RollbackTarget(timeline []model.Rollout) *model.Rollout {
	if len(timeline) == 0 || !timeline[0].Open() || !timeline[0].Failed() ||
		timeline[0].Trigger == v1alpha1.TriggerAutoRollback {
		return nil
	}
	others := slices.DeleteFunc(slices.Clone(timeline), func(r model.Rollout) bool { return r.Revision == timeline[0].Revision })
	return LastGood(others)
}

// ReportedFailure returns the rollout of the current failure report: the newest that failed, or nil if a
// later rollout other than an automatic rollback has succeeded (R18).
func ReportedFailure(timeline []model.Rollout) *model.Rollout {
	for i, rollout := range timeline {
		switch {
		case rollout.Failed():
			return &timeline[i]
		case rollout.Outcome == v1alpha1.OutcomeSucceeded && rollout.Trigger != v1alpha1.TriggerAutoRollback:
			return nil
		}
	}
	return nil
}

// RolledBackFrom returns the failed rollout that the newest one rolls back; nil if the newest one
// is not an automatic rollback, or the one before it has not failed.
func RolledBackFrom(timeline []model.Rollout) *model.Rollout {
	if len(timeline) < 2 || timeline[0].Trigger != v1alpha1.TriggerAutoRollback || !timeline[1].Failed() {
		return nil
	}
	return &timeline[1]
}
