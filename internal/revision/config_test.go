// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
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
		"R32 as it was":                     {copied, observed{"web": {Hash: "1"}, "env": {Hash: "1"}, "maybe": {Hash: model.AbsentHash}}, nil, nil},
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
