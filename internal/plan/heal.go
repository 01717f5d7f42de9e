// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"cmp"
	"fmt"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
)

// heal says where the stack goes from a rollout that failed: where the spec
// asks for something else, there; else back to the last good revision, if there
// is one and the policy says so (R12, R14).
func heal(state model.State, timeline []model.Rollout, wish decision, now time.Time) decision {
	failed := timeline[0]
	if wish.looksUp != "" || !wish.asks.None() {
		return wish // the spec asks for something else, which is about to be known
	}
	if wish.start != nil {
		if _, refused := state.Rejection(*wish.start); !refused {
			return wish
		}
	}
	refuge := revision.Refuge(timeline)
	if refuge == nil || holds(state.Stack.Spec) || state.Stack.Spec.Paused {
		wish.problem = cmp.Or(wish.problem, failureProblem(state.Stack.Spec, timeline))
		return wish
	}
	begin := model.Rollout{
		Trigger:   v1alpha1.TriggerAutoRollback,
		Message:   fmt.Sprintf("revision %d failed: %s", failed.Revision, failed.Failure.Summary()),
		StartedAt: now,
		From:      failed.Revision,
	}
	back := startOf(state, *revision.Find(state.Revisions, refuge.Revision), begin)
	back.alias = wish.alias
	back.problem = cmp.Or(back.problem, wish.problem, rolledBack(failed.Revision, &failed, refuge.Revision))
	return back
}

// holds says whether a rollout that failed is left as it is.
func holds(spec v1alpha1.AppStackSpec) bool {
	return spec.Rollout != nil && spec.Rollout.OnFailure == v1alpha1.FailurePolicyHold
}

// failureProblem says that the newest rollout failed and that nothing follows by itself.
func failureProblem(spec v1alpha1.AppStackSpec, timeline []model.Rollout) *model.Problem {
	failed := timeline[0]
	if origin := revision.RolledBackFrom(timeline); origin != nil {
		return &model.Problem{
			Reason: v1alpha1.ReasonRollbackFailed,
			Message: fmt.Sprintf("revision %d failed (%s), and so did going back to revision %d (%s): %s",
				origin.Revision, origin.Failure.Summary(), failed.Revision, failed.Failure.Summary(), remedy(*origin)),
		}
	}
	why, help := "there is no other good revision to go back to", remedy(failed)
	switch {
	case holds(spec):
		why = "rollout.onFailure is Hold"
	case spec.Paused:
		why, help = "paused is set", "remove paused to go back to the last good revision, or change the spec"
	}
	return &model.Problem{
		Reason:  v1alpha1.ReasonRolloutFailed,
		Message: fmt.Sprintf("revision %d failed (%s) and stays, as %s: %s", failed.Revision, failed.Failure.Summary(), why, help),
	}
}

// remedy is what a person can do about a failed rollout.
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
	case advice != "":
		return advice + ", and set restartedAt to try the same content again; or change the spec, or name another revision in rollback.toRevision"
	}
	return "change the spec, name another revision in rollback.toRevision, or set restartedAt to try the same content again"
}

// abandoned says that the spec asks for what failed and was rolled back from,
// which is not tried again just because of that (R12).
func abandoned(spec v1alpha1.AppStackSpec, timeline []model.Rollout) *model.Problem {
	back := timeline[0]
	if back.Failed() {
		return failureProblem(spec, timeline)
	}
	problem := rolledBack(back.From, revision.RolledBackFrom(timeline), back.Revision)
	if spec.Paused && back.Open() {
		problem.Message += "; the way back is held up, as paused is set"
	}
	return problem
}

// rolledBack says that a revision failed, and why, and where the stack went.
func rolledBack(from int64, failed *model.Rollout, to int64) *model.Problem {
	why, help := "", remedy(model.Rollout{})
	if failed != nil {
		why, help = " ("+failed.Failure.Summary()+")", remedy(*failed)
	}
	return &model.Problem{
		Reason:  v1alpha1.ReasonRolledBack,
		Message: fmt.Sprintf("revision %d failed%s, and the stack went back to revision %d: %s", from, why, to, help),
	}
}
