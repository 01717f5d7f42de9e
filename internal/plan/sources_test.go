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

// TestManySpellings checks that a record does not grow with each spelling of its content, and that
// a spec whose spelling is no longer recorded resolves to the same revision (R3).
func TestManySpellings(t *testing.T) {
	// the operator's labels take precedence, so this changes only the spelling
	spelling := func(n int) Option {
		return PodTemplate(fmt.Sprintf(`{"metadata":{"labels":{"apps.appstack.dev/stack":"other-%d"}}}`, n))
	}
	world := after()
	respell := func(n int) model.Revision {
		t.Helper()
		world.Apply(With(world.Stack().DeepCopy(), spelling(n)))
		world.Settle(patience)
		state := world.State()
		if diff := cmp.Diff([]int64{1}, numbersOf(state.Revisions)); diff != "" {
			t.Fatalf("R3 the revisions after spelling %d (-want +got):\n%s", n, diff)
		}
		if rev := state.Revisions[0]; !rev.Record.HasSource(revision.SourceHash(state.Stack.Spec)) {
			t.Fatalf("R4 spelling %d, which is the current spec, is not recorded", n)
		}
		return state.Revisions[0]
	}
	for n := range model.MaxSources + 5 {
		respell(n)
	}
	if rev := respell(0); len(rev.Record.Sources) != model.MaxSources || len(rev.Record.Rollouts) != 1 {
		t.Errorf("R4 %d sources and %d rollouts are recorded, want %d and 1",
			len(rev.Record.Sources), len(rev.Record.Rollouts), model.MaxSources)
	}
	if violations := world.Violations(); len(violations) > 0 {
		t.Error(violations)
	}
}
