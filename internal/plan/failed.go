// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
)

// afterFailure decides what follows a failed rollout. If the spec asks for another revision, that is
// rolled out; otherwise the stack rolls back to the last good revision, if there is one and the
// policy allows it (R12, R14).
func afterFailure(state model.State, timeline []model.Rollout, wanted decision, now time.Time) decision {
	failed := timeline[0]
	if wanted.looksUp != "" || !wanted.asks.None() {
		return wanted // the spec asks for other content, whose images are not resolved yet
	}
	if wanted.start != nil {
		if _, refused := state.Rejection(*wanted.start); !refused {
			return wanted
		}
	}
	target := revision.RollbackTarget(timeline)
	if target == nil || holds(state.Stack.Spec) || state.Stack.Spec.Paused {
		wanted.problem = cmp.Or(wanted.problem, failureProblem(state.Stack.Spec, timeline))
		return wanted
	}
	begin := model.Rollout{
		Trigger:   v1alpha1.TriggerAutoRollback,
		Message:   fmt.Sprintf("revision %d failed: %s", failed.Revision, failed.Failure.Summary()),
		StartedAt: now,
		From:      failed.Revision,
	}
	back := startOf(state, *revision.Find(state.Revisions, target.Revision), begin)
	back.alias = wanted.alias
	back.problem = cmp.Or(back.problem, wanted.problem, rolledBack(failed.Revision, &failed, target.Revision))
	return back
}

// holds reports whether the failure policy leaves a failed rollout in place.
func holds(spec v1alpha1.AppStackSpec) bool {
	return spec.Rollout != nil && spec.Rollout.OnFailure == v1alpha1.FailurePolicyHold
}

// failureProblem is the problem of a failed rollout that no automatic rollback follows.
func failureProblem(spec v1alpha1.AppStackSpec, timeline []model.Rollout) *model.Problem {
	failed := timeline[0]
	if origin := revision.RolledBackFrom(timeline); origin != nil {
		return &model.Problem{
			Reason: v1alpha1.ReasonRollbackFailed,
			Message: fmt.Sprintf("revision %d failed (%s), and so did the rollback to revision %d (%s): %s",
				origin.Revision, origin.Failure.Summary(), failed.Revision, failed.Failure.Summary(), remedy(*origin)),
		}
	}
	why, help := "there is no other good revision to roll back to", remedy(failed)
	switch {
	case holds(spec):
		why = "rollout.onFailure is Hold"
	case spec.Paused:
		why, help = "paused is set", "remove paused to roll back to the last good revision, or change the spec"
	}
	return &model.Problem{
		Reason:  v1alpha1.ReasonRolloutFailed,
		Message: fmt.Sprintf("revision %d failed (%s) and stays, as %s: %s", failed.Revision, failed.Failure.Summary(), why, help),
	}
}

// remedy tells users how to fix a failed rollout.
func remedy(failed model.Rollout) string {
	advice := ""
	if failed.Failure != nil {
		advice = failed.Failure.Advice
	}
	switch {
	case failed.Trigger == v1alpha1.TriggerRollback && advice != "":
		return advice + "; or name another revision in rollback.toRevision, or remove rollback"
	case failed.Trigger == v1alpha1.TriggerRollback:
		return "name another revision in rollback.toRevision, or remove rollback"
	case failed.Trigger == v1alpha1.TriggerConfigChanged:
		help := "change the ConfigMap, or the spec, or name another revision in rollback.toRevision"
		return strings.Join(append(adviceOf(advice), help), "; or ")
	case failed.Trigger == v1alpha1.TriggerSecretChanged:
		help := "correct the Secret, or change the spec, or set restartedAt to try the same content again"
		return strings.Join(append(adviceOf(advice), help), "; or ")
	case advice != "":
		return advice + ", and set restartedAt to try the same content again; or change the spec, or name another revision in rollback.toRevision"
	}
	return "change the spec, name another revision in rollback.toRevision, or set restartedAt to try the same content again"
}

// adviceOf returns the advice as a list, which is empty if there is none.
func adviceOf(advice string) []string {
	if advice == "" {
		return nil
	}
	return []string{advice}
}

// abandoned is the problem of a spec that still asks for the failed revision after its automatic
// rollback. That revision is not rolled out again until the request changes (R12).
func abandoned(spec v1alpha1.AppStackSpec, timeline []model.Rollout) *model.Problem {
	back := timeline[0]
	if back.Failed() {
		return failureProblem(spec, timeline)
	}
	problem := rolledBack(back.From, revision.RolledBackFrom(timeline), back.Revision)
	if spec.Paused && back.Open() {
		problem.Message += "; the rollback is on hold because paused is set"
	}
	return problem
}

// rolledBack is the problem of a revision that failed and was rolled back, with the cause and
// the rollback target.
func rolledBack(from int64, failed *model.Rollout, to int64) *model.Problem {
	why, help := "", remedy(model.Rollout{})
	if failed != nil {
		why, help = " ("+failed.Failure.Summary()+")", remedy(*failed)
	}
	return &model.Problem{
		Reason:  v1alpha1.ReasonRolledBack,
		Message: fmt.Sprintf("revision %d failed%s, and the stack was rolled back to revision %d: %s", from, why, to, help),
	}
}
