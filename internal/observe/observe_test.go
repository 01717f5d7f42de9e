// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package observe_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/grant"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/observe"
	"github.com/appstack-dev/appstack/internal/packedcache"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// cache returns objects or an error.
type cache struct {
	packedcache.Objects
	err error
}

func (c *cache) Of(types.NamespacedName) (packedcache.Objects, error) { return c.Objects, c.err }

// configs returns what is known of ConfigMaps, or an error.
type configs struct {
	observed map[string]model.ObservedConfig
	err      error
	// asked are the ConfigMaps that the stack named, with what its revisions record of them.
	asked map[string]model.ObservedConfig
}

func (c *configs) Observe(
	_ context.Context, _ types.NamespacedName, recorded map[string]model.ObservedConfig,
) (map[string]model.ObservedConfig, error) {
	c.asked = recorded
	return c.observed, c.err
}

// secrets are observed Secrets. The watch is denied if denied is set.
type secrets struct {
	configs
	denied    error
	forgotten bool
}

func (s *secrets) Denied(string) error { return s.denied }

func (s *secrets) Forget(types.NamespacedName) { s.forgotten = true }

// scene is an observer of stack shop at noon, with the cache that it reads.
type scene struct {
	*observe.Observer
	memory  *memory.Stack
	cache   *cache
	configs *configs
	secrets *secrets
	stack   *v1alpha1.AppStack
	clock   *clocktesting.FakeClock
}

func newScene(options ...Option) *scene {
	s := &scene{memory: &memory.Stack{}, cache: &cache{}, stack: Stack("shop", options...), clock: clocktesting.NewFakeClock(noon)}
	s.stack.UID = "shop"
	s.configs, s.secrets = &configs{}, &secrets{}
	s.Observer = &observe.Observer{Cache: s.cache, Configs: s.configs, Secrets: s.secrets, Granter: &grant.Granter{}, Clock: s.clock}
	return s
}

// revision adds a revision whose rollout succeeded, changed by edit unless that is nil.
func (s *scene) revision(t *testing.T, number int64, edit func(*appsv1.ControllerRevision)) {
	t.Helper()
	content, err := render.Content(render.Input{Stack: s.stack, Defaults: render.StandardDefaults()})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := revision.Encode(s.stack, model.Revision{Number: number, Content: content, Record: model.Record{
		Rollouts: []model.Rollout{{Sequence: number, Outcome: v1alpha1.OutcomeSucceeded, StartedAt: noon}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	stored.ResourceVersion = "1"
	if edit != nil {
		edit(stored)
	}
	s.cache.Revisions = append(s.cache.Revisions, stored)
}

func (s *scene) state(t *testing.T) model.State {
	t.Helper()
	state, err := s.State(t.Context(), s.stack, s.memory)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestRevisions(t *testing.T) {
	type record = *appsv1.ControllerRevision
	other := func(r record) { r.OwnerReferences[0].Kind, r.OwnerReferences[0].UID = "Other", "other" }
	tests := map[string]struct {
		edit        func(record)
		want        []int64
		damaged     bool
		predecessor string
	}{
		"R5 the stack's":        {nil, []int64{1, 2}, false, ""},
		"R26 left by a stack":   {func(r record) { r.OwnerReferences = nil }, []int64{1, 2}, false, ""},
		"R26 of something else": {other, []int64{1}, false, ""},
		"R26 of a deleted stack": {
			func(r record) { r.OwnerReferences[0].UID = "old" }, []int64{1}, false, `ControllerRevision "shop-2"`,
		},
		"R5 a copy that someone made":       {func(r record) { r.Name = "shop-copy" }, []int64{1}, false, ""},
		"R5 with another number":            {func(r record) { r.Revision = 3 }, []int64{1}, false, ""},
		"R30 with damaged content":          {func(r record) { r.Data.Raw = []byte("{") }, []int64{1}, true, ""},
		"R30 with no content":               {func(r record) { r.Data.Raw = nil }, []int64{1}, true, ""},
		"R30 with content of nothing":       {func(r record) { r.Data.Raw = []byte(`{"components":[]}`) }, []int64{1}, true, ""},
		"R30 without a record":              {func(r record) { delete(r.Annotations, naming.AnnotationRecord) }, []int64{1}, true, ""},
		"R30 a damaged copy":                {func(r record) { r.Name, r.Data.Raw = "shop-copy", nil }, []int64{1}, false, ""},
		"R30 damaged, and something else's": {func(r record) { other(r); r.Data.Raw = nil }, []int64{1}, false, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			s.revision(t, 2, test.edit)
			s.revision(t, 1, nil)
			state := s.state(t)
			var got []int64
			for _, rev := range state.Revisions {
				got = append(got, rev.Number)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("revisions (-want +got):\n%s", diff)
			}
			if damaged := state.Damaged != nil; damaged != test.damaged {
				t.Errorf("damaged: %+v, want %v", state.Damaged, test.damaged)
			}
			if state.Predecessor != test.predecessor {
				t.Errorf("predecessor %q, want %q", state.Predecessor, test.predecessor)
			}
		})
	}
}

// TestStale checks when the cache is known to lag behind the operator's own writes.
func TestStale(t *testing.T) {
	tests := map[string]struct {
		before []string
		name   string
		after  time.Duration
		stale  bool
	}{
		"R5 a record that is not shown yet":            {[]string{""}, "shop-2", 0, true},
		"R5 a record that is shown":                    {[]string{""}, "shop-1", 0, false},
		"R5 a change that is not shown yet":            {[]string{"1"}, "shop-1", 0, true},
		"R5 the first of two that are not":             {[]string{"1", "2"}, "shop-1", 0, true},
		"R5 the second of two":                         {[]string{"0", "1"}, "shop-1", 0, true},
		"R5 a change that is shown":                    {[]string{"0"}, "shop-1", 0, false},
		"R5 a change that has not been shown for 9 s":  {[]string{"1"}, "shop-1", 9 * time.Second, true},
		"R5 a change that was not shown for 10 s":      {[]string{"1"}, "shop-1", 10 * time.Second, false},
		"R5 a clock that is set back holds up nothing": {[]string{"1"}, "shop-1", -time.Hour, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			s.revision(t, 1, nil)
			for _, before := range test.before {
				s.memory.Records.Wrote(test.name, before, noon)
			}
			s.clock.Step(test.after)
			if state := s.state(t); state.Stale != test.stale {
				t.Errorf("stale: %v, want %v", state.Stale, test.stale)
			}
			// only the writes that the cache does not show yet are remembered
			if left := len(s.memory.Records); (left > 0) != test.stale {
				t.Errorf("%d writes are remembered", left)
			}
		})
	}
}

// TestStaleDeployment checks how long the cache may lag behind the operator's own write of a
// Deployment.
func TestStaleDeployment(t *testing.T) {
	tests := map[string]struct {
		after time.Duration
		stale bool
	}{
		"R5 at once":                {0, true},
		"R5 after 9 s":              {9 * time.Second, true},
		"R5 after 10 s":             {10 * time.Second, false},
		"R5 the clock is set back":  {-time.Hour, false},
		"R5 the clock is set ahead": {time.Hour, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			s.cache.Children = []packedcache.Child{{Kind: model.KindDeployment, Object: &appsv1.Deployment{
				ObjectMeta: metav1.ObjectMeta{Name: "shop", UID: "deployment", Generation: 1},
			}}}
			s.memory.Writes.Note("deployment", func(model.LastWrite) model.LastWrite {
				return model.LastWrite{Generation: 2, At: noon}
			})
			s.clock.Step(test.after)
			if state := s.state(t); state.Stale != test.stale {
				t.Errorf("stale: %v, want %v", state.Stale, test.stale)
			}
		})
	}
}

func TestNoCacheIsAnError(t *testing.T) {
	s := newScene()
	s.cache.err = errors.New("not filled")
	if state, err := s.State(t.Context(), s.stack, s.memory); !errors.Is(err, s.cache.err) {
		t.Errorf("State = %+v, %v, want the cache's error", state, err)
	}
}
