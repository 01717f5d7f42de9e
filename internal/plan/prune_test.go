// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
)

func numbersOf(revisions []model.Revision) []int64 {
	var numbers []int64
	for _, rev := range revisions {
		numbers = append(numbers, rev.Number)
	}
	return numbers
}

// TestSupersededReleasesPushOutNoGoodOne checks that superseded releases do not cause the rollback
// target to be pruned, neither during their rollouts nor afterwards.
func TestSupersededReleasesPushOutNoGoodOne(t *testing.T) {
	world := after(HistoryLimit(3), Image("my-app:2"), Image("my-app:3"))
	for i := range 10 {
		world.Apply(With(world.Stack().DeepCopy(), Image(fmt.Sprintf("my-app:quick-%d", i))))
		world.Wait(2)
	}
	if diff := cmp.Diff([]int64{1, 2, 3}, numbersOf(world.State().Revisions)[:3]); diff != "" {
		t.Errorf("R8 the oldest revisions during the last rollout (-want +got):\n%s", diff)
	}
	world.Settle(patience)
	if diff := cmp.Diff([]int64{2, 3, 13}, numbersOf(world.State().Revisions)); diff != "" {
		t.Errorf("R8 the revisions after it (-want +got):\n%s", diff)
	}
	if violations := world.Violations(); len(violations) > 0 {
		t.Error(violations)
	}
}

// TestTheFailureReportIsKept checks that the revision of the reported failure is not pruned while
// another one is rolled out: its failure report would be lost (R18).
func TestTheFailureReportIsKept(t *testing.T) {
	world := after(HistoryLimit(1))
	world.Break("my-app:2", "crash")
	world.Apply(With(world.Stack().DeepCopy(), Image("my-app:2")))
	world.Settle(patience)
	world.Apply(With(world.Stack().DeepCopy(), Image("my-app:3")))
	world.Wait(3)
	state := world.State()
	if failed := revision.ReportedFailure(revision.Timeline(state.Revisions)); failed == nil || failed.Revision != 2 {
		t.Errorf("R18 the reported failure is %+v, want that of revision 2", failed)
	}
	world.Settle(patience)
	if diff := cmp.Diff([]int64{3}, numbersOf(world.State().Revisions)); diff != "" {
		t.Errorf("R8 the revisions after a success (-want +got):\n%s", diff)
	}
}
