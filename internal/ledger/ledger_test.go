// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package ledger_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/ledger"
	"github.com/appstack-dev/appstack/internal/model"
)

var (
	shop       = types.NamespacedName{Namespace: "default", Name: "shop"}
	blog       = types.NamespacedName{Namespace: "default", Name: "blog"}
	deployment = model.Target{Kind: model.KindDeployment, Name: "shop"}
	service    = model.Target{Kind: model.KindService, Name: "shop"}
)

// refusal is that of a write with such a hash, for the first time.
func refusal(asked, message string) model.Refusal {
	return model.Refusal{Asked: model.Asked{Hash: asked}, Message: message, Times: 1}
}

func TestRefuseTellsNews(t *testing.T) {
	type entry struct {
		stack   types.NamespacedName
		target  model.Target
		refusal model.Refusal
	}
	first := entry{shop, deployment, refusal("a", "quota: 3 of 3 used")}
	tests := map[string]struct {
		before *entry
		next   entry
		news   bool
	}{
		"R30 the first refusal": {nil, first, true},
		"R30 the same again":    {&first, first, false},
		// numbers in the API server's words may change from try to try
		"R30 the same in other words": {&first, entry{shop, deployment, refusal("a", "quota: 4 of 3 used")}, false},
		"R30 of another write":        {&first, entry{shop, deployment, refusal("b", "quota: 3 of 3 used")}, true},
		"R30 of another kind":         {&first, entry{shop, service, refusal("a", "quota: 3 of 3 used")}, true},
		"R30 of another object": {
			&first, entry{shop, model.Target{Kind: model.KindDeployment, Name: "shop-worker"}, refusal("a", "quota: 3 of 3 used")}, true,
		},
		"R30 of another stack": {&first, entry{blog, deployment, refusal("a", "quota: 3 of 3 used")}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var l ledger.Ledger
			if before := test.before; before != nil {
				l.Refuse(before.stack, before.target, before.refusal)
			}
			next, news := l.Refuse(test.next.stack, test.next.target, test.next.refusal)
			if news != test.news {
				t.Errorf("Refuse = %v, want %v", news, test.news)
			}
			if next.Message != test.next.refusal.Message {
				t.Errorf("remembered is %q, want the last words, whether they are news or not", next.Message)
			}
			if diff := cmp.Diff(next, l.Refused(test.next.stack)[test.next.target]); diff != "" {
				t.Errorf("Refused (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRefused plays what becomes of refusals, on a ledger with two of stack shop and one of stack blog.
func TestRefused(t *testing.T) {
	type refused = map[model.Target]model.Refusal
	no, never := refusal("a", "no"), refusal("b", "never")
	other := model.Target{Kind: model.KindDeployment, Name: "blog"}
	tests := map[string]struct {
		then func(*ledger.Ledger)
		shop refused
		blog refused
	}{
		"nothing": {
			func(*ledger.Ledger) {}, refused{deployment: no, service: never}, refused{other: no},
		},
		"one is taken": {
			func(l *ledger.Ledger) { l.Took(shop, deployment) }, refused{service: never}, refused{other: no},
		},
		"all are": {
			func(l *ledger.Ledger) { l.Took(shop, deployment); l.Took(shop, service) }, nil, refused{other: no},
		},
		"one is taken that was not refused": {
			func(l *ledger.Ledger) { l.Took(shop, other) }, refused{deployment: no, service: never}, refused{other: no},
		},
		"the same name of another stack": {
			func(l *ledger.Ledger) { l.Took(blog, deployment) }, refused{deployment: no, service: never}, refused{other: no},
		},
		"one is refused for something else": {
			func(l *ledger.Ledger) { l.Refuse(shop, deployment, never) }, refused{deployment: never, service: never}, refused{other: no},
		},
		"a child is gone, and its refusal is not": {
			func(l *ledger.Ledger) { l.Drop(shop, "uid") }, refused{deployment: no, service: never}, refused{other: no},
		},
		"the stack is gone": {
			func(l *ledger.Ledger) { l.Forget(shop) }, nil, refused{other: no},
		},
		"the stack has settled": {
			func(l *ledger.Ledger) { l.Settled(shop) }, nil, refused{other: no},
		},
		"what was told belongs to the one it was told": {
			func(l *ledger.Ledger) { clear(l.Refused(shop)) }, refused{deployment: no, service: never}, refused{other: no},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var l ledger.Ledger
			l.Refuse(shop, deployment, no)
			l.Refuse(shop, service, never)
			l.Refuse(blog, other, no)
			test.then(&l)
			want := []refused{test.shop, test.blog}
			if diff := cmp.Diff(want, []refused{l.Refused(shop), l.Refused(blog)}); diff != "" {
				t.Errorf("Refused (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusedAgainIsNewsOnceItWasTaken(t *testing.T) {
	tests := map[string]func(*ledger.Ledger){
		"it was taken":       func(l *ledger.Ledger) { l.Took(shop, deployment) },
		"the stack was gone": func(l *ledger.Ledger) { l.Forget(shop) },
	}
	for name, then := range tests {
		t.Run(name, func(t *testing.T) {
			var l ledger.Ledger
			l.Refuse(shop, deployment, refusal("a", "no"))
			then(&l)
			if next, news := l.Refuse(shop, deployment, refusal("a", "no")); !news || next.Times != 1 {
				t.Errorf("R30 it is news: %t, refused %d times", news, next.Times)
			}
		})
	}
}

// TestRefusedSince shows from when on the API server has been refusing the same.
func TestRefusedSince(t *testing.T) {
	var l ledger.Ledger
	at := func(second int) time.Time { return time.Date(2026, 1, 1, 12, 0, second, 0, time.UTC) }
	since := func(asked string, second int) time.Time {
		l.Refuse(shop, deployment, model.Refusal{Asked: model.Asked{Hash: asked}, At: at(second)})
		return l.Refused(shop)[deployment].Since
	}
	for _, step := range []struct {
		asked        string
		second, want int
	}{{"a", 0, 0}, {"a", 10, 0}, {"a", 20, 0}, {"b", 30, 30}, {"a", 40, 40}} {
		if got := since(step.asked, step.second); !got.Equal(at(step.want)) {
			t.Errorf("R17 %s refused at %d s: since %s, want %s", step.asked, step.second, got, at(step.want))
		}
	}
	l.Took(shop, deployment)
	if got := since("a", 50); !got.Equal(at(50)) {
		t.Errorf("R17 refused again after it was taken: since %s, want %s", got, at(50))
	}
}

// TestRecords shows which writes of records are remembered.
func TestRecords(t *testing.T) {
	var l ledger.Ledger
	first := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	later := first.Add(time.Second)
	l.Recorded(shop, "shop-1", "", first)
	l.Recorded(shop, "shop-2", "", first)
	l.Recorded(shop, "shop-1", "7", later)
	l.Recorded(blog, "blog-1", "", first)
	l.Erased(shop, "shop-2")
	want := map[string]ledger.Write{"shop-1": {Before: []string{"", "7"}, At: later}}
	if diff := cmp.Diff(want, l.Records(shop)); diff != "" {
		t.Errorf("R5 Records (-want +got):\n%s", diff)
	}
	l.Forget(shop)
	if got := l.Records(shop); len(got) != 0 {
		t.Errorf("R5 Records of a stack that is gone: %v", got)
	}
	if got := l.Records(blog); len(got) != 1 {
		t.Errorf("R5 Records of another stack: %v", got)
	}
}

func TestZeroLedger(t *testing.T) {
	var l ledger.Ledger
	l.Took(shop, deployment)
	l.Drop(shop, "uid")
	l.Forget(shop)
	if len(l.Refused(shop)) != 0 || len(l.Of(shop)) != 0 {
		t.Errorf("%v and %v are remembered, want nothing", l.Refused(shop), l.Of(shop))
	}
}

func TestForgetForgetsAnswersToo(t *testing.T) {
	var l ledger.Ledger
	note := func(stack types.NamespacedName) {
		l.Note(stack, "uid", func(last model.Acceptance) model.Acceptance { last.Generation++; return last })
	}
	note(shop)
	note(shop)
	note(blog)
	if diff := cmp.Diff(map[types.UID]model.Acceptance{"uid": {Generation: 2}}, l.Of(shop)); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	l.Forget(shop)
	if got := l.Of(shop); len(got) != 0 {
		t.Errorf("%v is remembered of a stack that is gone", got)
	}
	if diff := cmp.Diff(map[types.UID]model.Acceptance{"uid": {Generation: 1}}, l.Of(blog)); diff != "" {
		t.Errorf("answers of another stack (-want +got):\n%s", diff)
	}
}

// TestDrop shows that an answer about a child is forgotten with it, and no other.
func TestDrop(t *testing.T) {
	var l ledger.Ledger
	for i, child := range []types.UID{"first", "second", "third"} {
		l.Note(shop, child, func(model.Acceptance) model.Acceptance { return model.Acceptance{Generation: int64(i)} })
	}
	for _, test := range []struct {
		drop types.UID
		want map[types.UID]model.Acceptance
	}{
		{"second", map[types.UID]model.Acceptance{"first": {Generation: 0}, "third": {Generation: 2}}},
		{"other", map[types.UID]model.Acceptance{"first": {Generation: 0}, "third": {Generation: 2}}},
		{"first", map[types.UID]model.Acceptance{"third": {Generation: 2}}},
		{"third", nil},
	} {
		l.Drop(shop, test.drop)
		if diff := cmp.Diff(test.want, l.Of(shop)); diff != "" {
			t.Errorf("after Drop(%s) (-want +got):\n%s", test.drop, diff)
		}
	}
}

// TestConcurrentUse is for the race detector: stacks are reconciled side by side.
func TestConcurrentUse(t *testing.T) {
	var (
		l    ledger.Ledger
		done sync.WaitGroup
	)
	for i := range 8 {
		stack := types.NamespacedName{Namespace: "default", Name: fmt.Sprint("stack-", i%4)}
		done.Go(func() {
			for range 50 {
				l.Refuse(stack, deployment, refusal("a", "no"))
				l.Refused(stack)
				l.Took(stack, deployment)
				l.Note(stack, "uid", func(last model.Acceptance) model.Acceptance { return last })
				l.Of(stack)
				l.Forget(stack)
			}
		})
	}
	done.Wait()
	if got := l.Refused(types.NamespacedName{Namespace: "default", Name: "stack-0"}); len(got) != 0 {
		t.Errorf("%v is remembered of a stack that is gone", got)
	}
}
