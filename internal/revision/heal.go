// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision

import (
	"slices"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// Refuge is the rollout whose revision the stack rolls back to after its newest
// one failed: the last good one, by the order of the rollouts (R12). It is nil
// where the newest has not failed, where no other revision was good (R14), and
// where it is itself a way back: then there is no further one (R13).
func Refuge(timeline []model.Rollout) *model.Rollout {
	if len(timeline) == 0 || !timeline[0].Open() || !timeline[0].Failed() ||
		timeline[0].Trigger == v1alpha1.TriggerAutoRollback {
		return nil
	}
	others := slices.DeleteFunc(slices.Clone(timeline), func(r model.Rollout) bool { return r.Revision == timeline[0].Revision })
	return LastGood(others)
}

// Autopsy is the newest rollout that failed and that users are still to hear
// of, or nil: none is once a rollout succeeded that was no automatic rollback (R18).
func Autopsy(timeline []model.Rollout) *model.Rollout {
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

// RolledBackFrom is the failed rollout that the newest one, an automatic
// rollback, leaves; nil where it is none.
func RolledBackFrom(timeline []model.Rollout) *model.Rollout {
	if len(timeline) < 2 || timeline[0].Trigger != v1alpha1.TriggerAutoRollback || !timeline[1].Failed() {
		return nil
	}
	return &timeline[1]
}
