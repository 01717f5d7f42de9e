// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// Choice is the revision that a stack's spec selects.
type Choice struct {
	// Number is the number of an existing revision; 0 if a new one has to be created, or if there
	// is a Problem.
	Number int64
	// Trigger and Message describe a rollout to the revision.
	Trigger v1alpha1.RolloutTrigger
	Message string
	// Cause is the user's reason for a rollback, or "".
	Cause string
	// Restart is the spec.restartedAt to stamp on the new revision, or nil if it is not a restart.
	Restart *time.Time
	// Problem is why no revision can be selected, or nil.
	Problem *model.Problem
}

// Choose selects the revision that the spec asks for. While spec.rollback holds, it is the one
// named there (R10); otherwise the newest with the spec's content (R4); otherwise a new one.
func Choose(spec v1alpha1.AppStackSpec, revisions []model.Revision) Choice {
	source := SourceHash(spec)
	if rollback := spec.Rollback; rollback != nil {
		choice, holds := chooseRollback(*rollback, source, revisions)
		if holds {
			return choice
		}
	}
	choice := Choice{Trigger: v1alpha1.TriggerSpecChanged}
	for _, rev := range revisions {
		if rev.Record.HasSource(source) {
			choice.Number = rev.Number // the newest wins
			choice.Message = "the spec's content is that of revision " + strconv.FormatInt(rev.Number, 10)
		}
	}
	if restart := pendingRestart(spec, revisions); restart != nil {
		if choice.Number != 0 {
			choice.Trigger = v1alpha1.TriggerRestart
		}
		choice.Number = 0
		choice.Restart = restart
	}
	if choice.Number == 0 {
		choice.Message = "the spec's content changed"
		switch {
		case len(revisions) == 0:
			choice.Message = "the stack was created"
		case choice.Trigger == v1alpha1.TriggerRestart:
			choice.Message = "restartedAt was set to " + choice.Restart.UTC().Format(time.RFC3339)
		}
	}
	return choice
}

// Holds reports whether spec.rollback selects the revision, or would if the revisions it names
// existed.
func Holds(spec v1alpha1.AppStackSpec, revisions []model.Revision) bool {
	if spec.Rollback == nil {
		return false
	}
	_, holds := chooseRollback(*spec.Rollback, SourceHash(spec), revisions)
	return holds
}

func chooseRollback(rollback v1alpha1.Rollback, source string, revisions []model.Revision) (choice Choice, holds bool) {
	numbers := []int64{rollback.ToRevision}
	if rollback.FromRevision != nil {
		numbers = append(numbers, *rollback.FromRevision)
	}
	for i, number := range numbers {
		if Find(revisions, number) == nil {
			field := []string{"toRevision", "fromRevision"}[i]
			return Choice{Problem: &model.Problem{
				Reason: v1alpha1.ReasonRevisionNotFound,
				Message: fmt.Sprintf("rollback.%s names revision %d, which does not exist: name one of %s, or remove rollback",
					field, number, list(revisions)),
			}}, true
		}
	}
	if rollback.FromRevision != nil && !Find(revisions, *rollback.FromRevision).Record.HasSource(source) {
		return Choice{}, false
	}
	return Choice{
		Number:  rollback.ToRevision,
		Trigger: v1alpha1.TriggerRollback,
		Message: fmt.Sprintf("rollback.toRevision is %d", rollback.ToRevision),
		Cause:   rollback.Cause,
	}, true
}

// pendingRestart returns spec.restartedAt if it is later than that of every revision (R16a), or
// nil. The first revision is never a restart.
func pendingRestart(spec v1alpha1.AppStackSpec, revisions []model.Revision) *time.Time {
	if spec.RestartedAt == nil || len(revisions) == 0 {
		return nil
	}
	if recorded := LatestRestart(revisions); recorded != nil && !spec.RestartedAt.After(*recorded) {
		return nil
	}
	return &spec.RestartedAt.Time
}

// LatestRestart returns the latest spec.restartedAt that a revision was created with, or nil.
func LatestRestart(revisions []model.Revision) *time.Time {
	var latest *time.Time
	for _, rev := range revisions {
		if at := rev.Record.RestartedAt; at != nil && (latest == nil || at.After(*latest)) {
			latest = at
		}
	}
	return latest
}

func list(revisions []model.Revision) string {
	if len(revisions) == 0 {
		return "none (there is no revision yet)"
	}
	numbers := make([]string, len(revisions))
	for i, rev := range revisions {
		numbers[i] = strconv.FormatInt(rev.Number, 10)
	}
	return strings.Join(numbers, ", ")
}
