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
	// Base is the number of the revision with the spec's content that the new revision repeats because
	// ConfigMaps or Secrets have changed; 0 if the new revision has another reason.
	Base int64
	// Changed are the names of the ConfigMaps that have changed since the current revision or since
	// Base, if that is why the revision is chosen.
	Changed []string
	// Secrets are the names of the changed Secrets for which the new revision repeats Base.
	Secrets []string
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

// Choose selects the revision that the spec asks for. While spec.rollback is in effect, it is the
// rollback's target (R10); otherwise a revision with the spec's content and the observed ConfigMaps
// (R4, R34); otherwise a new one. Among several it prefers one whose ConfigMaps are exactly those
// observed, then the current one, then the newest. current is 0 and config is nil if they are
// unknown.
func Choose(spec v1alpha1.AppStackSpec, revisions []model.Revision, current int64, config ObservedConfig) Choice {
	source := SourceHash(spec)
	if rollback := spec.Rollback; rollback != nil {
		choice, holds := chooseRollback(*rollback, source, revisions, config)
		if holds {
			return choice
		}
	}
	choice := chooseContent(source, revisions, current, config)
	if restart := pendingRestart(spec, revisions); restart != nil {
		if choice.Number != 0 || choice.Base != 0 {
			choice.Trigger = v1alpha1.TriggerRestart
		}
		choice.Number, choice.Base, choice.Changed = 0, 0, nil
		choice.Restart = restart
	}
	switch {
	case choice.Number != 0:
	case len(revisions) == 0:
		choice.Message = "the stack was created"
	case choice.Trigger == v1alpha1.TriggerRestart:
		choice.Message = "restartedAt was set to " + choice.Restart.UTC().Format(time.RFC3339)
	case choice.Base != 0:
		choice.Trigger, choice.Message = v1alpha1.TriggerConfigChanged, ChangeMessage("ConfigMap", choice.Changed)
	default:
		choice.Message = "the spec's content changed"
	}
	return choice
}

// WithSecrets returns the choice of a new revision that repeats the chosen one because Secrets that its
// pods use have changed (R36); the choice itself if none has. known says that the chosen revision runs, or
// that it failed and would not be rolled out again.
func (c Choice) WithSecrets(changed []string, known bool) Choice {
	if len(changed) == 0 {
		return c
	}
	c.Secrets = changed
	if c.Number != 0 {
		c.Number, c.Base, c.Changed = 0, c.Number, nil
		if known {
			c.Trigger, c.Message = v1alpha1.TriggerSecretChanged, ChangeMessage("Secret", changed)
			return c
		}
	}
	c.Message += ", " + ChangeMessage("Secret", changed)
	return c
}

// chooseContent selects the revision that has the source and the observed ConfigMaps. If there is
// none, the newest revision with the source becomes the Base of a new one.
func chooseContent(source string, revisions []model.Revision, current int64, config ObservedConfig) Choice {
	choice := Choice{Trigger: v1alpha1.TriggerSpecChanged}
	best := 0
	for _, rev := range revisions {
		if !rev.Record.HasSource(source) {
			continue
		}
		if names := ChangedConfig(rev, config); len(names) > 0 {
			choice.Base, choice.Changed = rev.Number, names
			continue
		}
		if rank := rankOf(rev, current, config); rank >= best {
			choice.Number, best = rev.Number, rank
		}
	}
	if choice.Number == 0 {
		return choice
	}
	choice.Base, choice.Changed = 0, nil
	choice.Message = "the spec's content is that of revision " + strconv.FormatInt(choice.Number, 10)
	if now := Find(revisions, current); now != nil && now.Record.HasSource(source) {
		choice.Changed = ChangedConfig(*now, config)
	}
	if len(choice.Changed) > 0 {
		choice.Trigger = v1alpha1.TriggerConfigChanged
		choice.Message = fmt.Sprintf("%s back to the content of revision %d", ChangeMessage("ConfigMap", choice.Changed), choice.Number)
	}
	return choice
}

// rankOf ranks a revision whose ConfigMaps have not changed; the highest rank is preferred.
func rankOf(rev model.Revision, current int64, config ObservedConfig) int {
	switch {
	case config.isOf(rev):
		return 2
	case rev.Number == current:
		return 1
	default:
		return 0
	}
}

// Holds reports whether spec.rollback is in effect. It also is if a revision that it names does not
// exist.
func Holds(spec v1alpha1.AppStackSpec, revisions []model.Revision) bool {
	if spec.Rollback == nil {
		return false
	}
	_, holds := chooseRollback(*spec.Rollback, SourceHash(spec), revisions, nil)
	return holds
}

func chooseRollback(
	rollback v1alpha1.Rollback, source string, revisions []model.Revision, config ObservedConfig,
) (choice Choice, holds bool) {
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
	if rollback.FromRevision != nil {
		from := Find(revisions, *rollback.FromRevision)
		if !from.Record.HasSource(source) || len(ChangedConfig(*from, config)) > 0 {
			return Choice{}, false
		}
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
