// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	"testing"
	"time"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// TestConfigThatJustChanged checks a ConfigMap that changes between its observation and the read for a
// release: the release has what was read, and no other one follows in the same reconcile.
func TestConfigThatJustChanged(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	old, read := &model.ConfigMap{Data: map[string]string{"color": "blue"}}, &model.ConfigMap{Data: map[string]string{"color": "red"}}
	state := model.State{Stack: Stack("shop", EnvFrom("web")), Children: model.Children{}, Config: plan.NewConfigState(nil)}
	state.Config.Observed = map[string]model.ObservedConfig{"web": {Hash: old.Hash(), Version: "1"}}
	state.Config.SpecSince = now.Add(-time.Minute)
	answer := func(questions model.Questions) model.Answers {
		answers := Unknown(questions)
		if len(questions.Config) > 0 {
			answers.Release = questions.Release
			answers.Config, answers.ConfigVersions = map[string]*model.ConfigMap{"web": read}, map[string]string{"web": "2"}
		}
		return answers
	}
	first := Planner.Plan(&state, now, answer)
	if first.Start == nil || len(first.Start.Revision.Content.Config) != 1 || first.Start.Revision.Content.Config[0].Hash != read.Hash() {
		t.Fatalf("R31 the release is %+v, want one with the content that was read", first.Start)
	}
	if got := state.Config.Observed["web"]; got.Hash != read.Hash() || got.Version != "2" {
		t.Errorf("R32 observed is %+v, want what was read", got)
	}
	state.Revisions = revision.With(state.Revisions, first.Start.Revision)
	if second := Planner.Plan(&state, now, answer); second.Start != nil || second.Gathers != "" {
		t.Errorf("R32 another release follows: %+v, gathers %q", second.Start, second.Gathers)
	}
}
