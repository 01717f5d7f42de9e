// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package memory_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
)

var (
	noon       = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	deployment = model.Target{Kind: model.KindDeployment, Name: "shop"}
	service    = model.Target{Kind: model.KindService, Name: "shop"}
	worker     = model.Target{Kind: model.KindDeployment, Name: "shop-worker"}
)

// refusal returns the first rejection of a write with this hash.
func refusal(asked, message string) model.Rejection {
	return model.Rejection{Asked: model.Asked{Hash: asked}, Message: message, Times: 1}
}

func TestRefuseTellsNews(t *testing.T) {
	type entry struct {
		target  model.Target
		refusal model.Rejection
	}
	first := entry{deployment, refusal("a", "quota: 3 of 3 used")}
	tests := map[string]struct {
		before *entry
		next   entry
		news   bool
	}{
		"R30 the first refusal": {nil, first, true},
		"R30 the same again":    {&first, first, false},
		// numbers in the API server's message may change from try to try
		"R30 the same in other words": {&first, entry{deployment, refusal("a", "quota: 4 of 3 used")}, false},
		"R30 of another write":        {&first, entry{deployment, refusal("b", "quota: 3 of 3 used")}, true},
		"R30 of another kind":         {&first, entry{service, refusal("a", "quota: 3 of 3 used")}, true},
		"R30 of another object":       {&first, entry{worker, refusal("a", "quota: 3 of 3 used")}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var writes memory.Writes
			if before := test.before; before != nil {
				writes.Reject(before.target, before.refusal)
			}
			next, news := writes.Reject(test.next.target, test.next.refusal)
			if news != test.news {
				t.Errorf("Refuse = %v, want %v", news, test.news)
			}
			if next.Message != test.next.refusal.Message {
				t.Errorf("the remembered message is %q, want the last one, new or not", next.Message)
			}
			if diff := cmp.Diff(next, writes.Rejected()[test.next.target]); diff != "" {
				t.Errorf("Refused (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRefused checks a sequence of two rejections.
func TestRefused(t *testing.T) {
	type refused = map[model.Target]model.Rejection
	no, never := refusal("a", "no"), refusal("b", "never")
	tests := map[string]struct {
		then func(*memory.Writes)
		want refused
	}{
		"nothing":      {func(*memory.Writes) {}, refused{deployment: no, service: never}},
		"one is taken": {func(w *memory.Writes) { w.Took(deployment) }, refused{service: never}},
		"all are":      {func(w *memory.Writes) { w.Took(deployment); w.Took(service) }, nil},
		"one is taken that was not refused": {
			func(w *memory.Writes) { w.Took(worker) }, refused{deployment: no, service: never},
		},
		"one is refused for something else": {
			func(w *memory.Writes) { w.Reject(deployment, never) }, refused{deployment: never, service: never},
		},
		"a child is gone, and its refusal is not": {
			func(w *memory.Writes) { w.Drop("uid") }, refused{deployment: no, service: never},
		},
		"the stack has settled": {func(w *memory.Writes) { w.Settled() }, nil},
		"what was told belongs to the one it was told": {
			func(w *memory.Writes) { clear(w.Rejected()) }, refused{deployment: no, service: never},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var writes memory.Writes
			writes.Reject(deployment, no)
			writes.Reject(service, never)
			test.then(&writes)
			if diff := cmp.Diff(test.want, writes.Rejected()); diff != "" {
				t.Errorf("Refused (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusedAgainIsNewsOnceItWasTaken(t *testing.T) {
	var writes memory.Writes
	writes.Reject(deployment, refusal("a", "no"))
	writes.Took(deployment)
	if next, news := writes.Reject(deployment, refusal("a", "no")); !news || next.Times != 1 {
		t.Errorf("R30 news: %t, rejected %d times", news, next.Times)
	}
}

// TestRefusedSince checks since when the API server has been rejecting the same write.
func TestRefusedSince(t *testing.T) {
	var writes memory.Writes
	at := func(second int) time.Time { return noon.Add(time.Duration(second) * time.Second) }
	since := func(asked string, second int) time.Time {
		writes.Reject(deployment, model.Rejection{Asked: model.Asked{Hash: asked}, At: at(second)})
		return writes.Rejected()[deployment].Since
	}
	for _, step := range []struct {
		asked        string
		second, want int
	}{{"a", 0, 0}, {"a", 10, 0}, {"a", 20, 0}, {"b", 30, 30}, {"a", 40, 40}} {
		if got := since(step.asked, step.second); !got.Equal(at(step.want)) {
			t.Errorf("R17 %s rejected at %d s: since %s, want %s", step.asked, step.second, got, at(step.want))
		}
	}
	writes.Took(deployment)
	if got := since("a", 50); !got.Equal(at(50)) {
		t.Errorf("R17 rejected again after it was accepted: since %s, want %s", got, at(50))
	}
}

func TestAccepted(t *testing.T) {
	var writes memory.Writes
	for range 2 {
		writes.Note("uid", func(last model.LastWrite) model.LastWrite { last.Generation++; return last })
	}
	if diff := cmp.Diff(map[types.UID]model.LastWrite{"uid": {Generation: 2}}, writes.Last()); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// TestDrop checks that the last write of a deleted child is forgotten, and no other.
func TestDrop(t *testing.T) {
	var writes memory.Writes
	for i, child := range []types.UID{"first", "second", "third"} {
		writes.Note(child, func(model.LastWrite) model.LastWrite { return model.LastWrite{Generation: int64(i)} })
	}
	for _, test := range []struct {
		drop types.UID
		want map[types.UID]model.LastWrite
	}{
		{"second", map[types.UID]model.LastWrite{"first": {Generation: 0}, "third": {Generation: 2}}},
		{"other", map[types.UID]model.LastWrite{"first": {Generation: 0}, "third": {Generation: 2}}},
		{"first", map[types.UID]model.LastWrite{"third": {Generation: 2}}},
		{"third", nil},
	} {
		writes.Drop(test.drop)
		if diff := cmp.Diff(test.want, writes.Last()); diff != "" {
			t.Errorf("after Drop(%s) (-want +got):\n%s", test.drop, diff)
		}
	}
}

// TestAnswersAboutWhatIsGone checks how long the last write of a child is remembered after others
// have deleted it.
func TestAnswersAboutWhatIsGone(t *testing.T) {
	var writes memory.Writes
	for _, child := range []types.UID{"there", "gone"} {
		writes.Note(child, func(model.LastWrite) model.LastWrite { return model.LastWrite{Asked: "a", At: noon} })
	}
	for _, step := range []struct {
		after time.Duration
		want  []types.UID
	}{
		{9 * time.Second, []types.UID{"gone", "there"}}, // it may have been created just now
		{10 * time.Second, []types.UID{"there"}},
		{time.Hour, []types.UID{"there"}},
	} {
		writes.Keep(map[types.UID]bool{"there": true}, noon.Add(step.after))
		if diff := cmp.Diff(step.want, slices.Sorted(maps.Keys(writes.Last()))); diff != "" {
			t.Errorf("answers remembered (-want +got):\n%s", diff)
		}
	}
}
