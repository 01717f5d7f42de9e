// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// TestChangedConfig shows which observed ConfigMaps differ from those of a revision.
func TestChangedConfig(t *testing.T) {
	copied := model.Revision{Content: model.Content{Config: []model.ConfigCopy{
		{Source: "env", Name: "shop-env-1", Hash: "1"}, {Source: "web", Name: "shop-web-1", Hash: "1"},
		{Source: "maybe", Name: "shop-maybe-1", Hash: model.AbsentHash},
	}}}
	baseline := model.Revision{Record: model.Record{ConfigBaseline: map[string]string{"web": "1"}}}
	type observed = map[string]model.ObservedConfig
	tests := map[string]struct {
		rev              model.Revision
		observed         observed
		changed, deleted []string
	}{
		"R32 nothing observed yet":          {copied, nil, nil, nil},
		"R32 as it was":                     {copied, observed{"web": {Hash: "1"}, "env": {Hash: "1"}}, nil, nil},
		"R33 an optional one, still absent": {copied, observed{"maybe": {Hash: model.AbsentHash}}, nil, nil},
		"R32 two changed":                   {copied, observed{"web": {Hash: "2"}, "env": {Hash: "2"}}, []string{"env", "web"}, nil},
		"R32 one that it does not name":     {copied, observed{"other": {Hash: "2"}}, nil, nil},
		"R33 an optional one appears":       {copied, observed{"maybe": {Hash: "2"}}, []string{"maybe"}, nil},
		"R33 one is deleted":                {copied, observed{"web": {Hash: model.AbsentHash}}, nil, []string{"web"}},
		"R32 without copies, as it was":     {baseline, observed{"web": {Hash: "1"}}, nil, nil},
		"R32 without copies, it changed":    {baseline, observed{"web": {Hash: "2"}}, []string{"web"}, nil},
		"R33 without copies, it is deleted": {baseline, observed{"web": {Hash: model.AbsentHash}}, nil, []string{"web"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.changed, revision.ChangedConfig(test.rev, test.observed)); diff != "" {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.deleted, revision.DeletedConfig(test.rev, test.observed)); diff != "" {
				t.Errorf("deleted (-want +got):\n%s", diff)
			}
		})
	}
}

// TestUnusedCopies shows that a copy is kept while any revision names it.
func TestUnusedCopies(t *testing.T) {
	of := func(names ...string) model.Revision {
		var rev model.Revision
		for _, name := range names {
			rev.Content.Config = append(rev.Content.Config, model.ConfigCopy{Name: name})
		}
		return rev
	}
	got := revision.UnusedCopies([]string{"d", "c", "b", "a"}, []model.Revision{of("a", "b"), of("b"), of()})
	if diff := cmp.Diff([]string{"c", "d"}, got); diff != "" {
		t.Errorf("R31 unused copies (-want +got):\n%s", diff)
	}
}

// TestChooseByConfig shows that a revision is found by the spec's content and by its ConfigMaps.
func TestChooseByConfig(t *testing.T) {
	with := func(rev model.Revision, number int64, hash string) model.Revision {
		rev.Number, rev.Content.Config = number, []model.ConfigCopy{{Source: "web", Name: "shop-web-" + hash, Hash: hash}}
		return rev
	}
	a, b := of("a")[0], of("b")[0]
	all := []model.Revision{with(a, 1, "1"), with(a, 2, "2"), with(b, 3, "2")}
	web := func(hash string) revision.ObservedConfig { return revision.ObservedConfig{"web": {Hash: hash}} }
	found := func(number int64) revision.Choice {
		return revision.Choice{
			Number: number, Trigger: v1alpha1.TriggerSpecChanged, Message: fmt.Sprintf("the spec's content is that of revision %d", number),
		}
	}
	changed := func(base int64) revision.Choice {
		return revision.Choice{
			Base: base, Changed: []string{"web"}, Trigger: v1alpha1.TriggerConfigChanged, Message: "ConfigMap web changed",
		}
	}
	back := func(number int64) revision.Choice {
		return revision.Choice{
			Number: number, Changed: []string{"web"}, Trigger: v1alpha1.TriggerConfigChanged,
			Message: fmt.Sprintf("ConfigMap web changed back to the content of revision %d", number),
		}
	}
	fresh := revision.Choice{Trigger: v1alpha1.TriggerSpecChanged, Message: "the spec's content changed"}
	toFirst := revision.Choice{Number: 1, Trigger: v1alpha1.TriggerRollback, Message: "rollback.toRevision is 1"}
	later := noon.Add(time.Hour)
	tests := map[string]struct {
		options   []Option
		revisions []model.Revision
		current   int64
		config    revision.ObservedConfig
		want      revision.Choice
	}{
		"R34 the ConfigMap of the first":           {[]Option{Image("a")}, all, 2, web("1"), back(1)},
		"R34 the ConfigMap of the second":          {[]Option{Image("a")}, all, 1, web("2"), back(2)},
		"R32 a changed ConfigMap":                  {[]Option{Image("a")}, all, 1, web("3"), changed(2)},
		"R32 a changed ConfigMap of other content": {[]Option{Image("b")}, all, 3, web("1"), changed(3)},
		"R33 a deleted ConfigMap, in what runs":    {[]Option{Image("a")}, all, 1, web(model.AbsentHash), found(1)},
		"R33 a deleted ConfigMap, something else":  {[]Option{Image("a")}, all, 3, web(model.AbsentHash), found(2)},
		"R34 not observed yet, in what runs":       {[]Option{Image("a")}, all, 1, nil, found(1)},
		"R32 new content":                          {[]Option{Image("c")}, all, 3, web("2"), fresh},
		"R10 a rollback from what it was":          {[]Option{Image("b"), RollbackTo(1, 3)}, all, 3, web("2"), toFirst},
		"R34 a rollback from before the change":    {[]Option{Image("b"), RollbackTo(1, 3)}, all, 1, web("3"), changed(3)},
		"R34 a rollback that holds until removed":  {[]Option{Image("b"), RollbackTo(1, 0)}, all, 1, web("3"), toFirst},
		"R16a a restart, with the ConfigMap changed": {
			[]Option{Image("a"), RestartedAt(later)}, all, 2, web("3"),
			revision.Choice{Trigger: v1alpha1.TriggerRestart, Restart: &later, Message: "restartedAt was set to 2026-01-01T13:00:00Z"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := revision.Choose(Stack("shop", test.options...).Spec, test.revisions, test.current, test.config)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Choose (-want +got):\n%s", diff)
			}
		})
	}
}

// TestConfigMessage shows how a release names the ConfigMaps that changed.
func TestConfigMessage(t *testing.T) {
	for want, names := range map[string]string{
		"ConfigMap a changed":                         "a",
		"ConfigMaps a, b changed":                     "ba",
		"ConfigMaps a, b, c, d, e changed":            "abcde",
		"ConfigMaps a, b, c, d, e and 2 more changed": "abcdefg",
	} {
		rev, now := of("a")[0], revision.ObservedConfig{}
		for name := range strings.SplitSeq(names, "") {
			rev.Content.Config = append(rev.Content.Config, model.ConfigCopy{Source: name, Hash: "1"})
			now[name] = model.ObservedConfig{Hash: "2"}
		}
		if got := revision.Choose(Stack("shop", Image("a")).Spec, []model.Revision{rev}, 1, now).Message; got != want {
			t.Errorf("R32 got %q, want %q", got, want)
		}
	}
}
