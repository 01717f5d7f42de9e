// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package queue

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// wait lets time go by, in a test's bubble.
func wait(d time.Duration) { <-time.After(d) }

// office has workers who take stacks from a fair queue, and work on each as long as
// its namespace takes.
type office struct {
	*Fair
	takes map[string]time.Duration

	mu    sync.Mutex
	began []string       // in order
	busy  map[string]int // by namespace
}

// open has as many workers as the limit, and one more. They go home with the test.
func open(t *testing.T, limit int, takes map[string]time.Duration) *office {
	t.Helper()
	// it counts nothing, as it has no name
	o := &office{Fair: NewFair(priorityqueue.New[reconcile.Request](""), limit, clock.RealClock{}), takes: takes, busy: map[string]int{}}
	var workers sync.WaitGroup
	for range limit + 1 {
		workers.Go(func() {
			for o.work() {
			}
		})
	}
	t.Cleanup(func() {
		o.ShutDown()
		workers.Wait()
	})
	return o
}

// work takes a stack, unless there is no more work.
func (o *office) work() bool {
	request, shutdown := o.Get()
	if shutdown {
		return false
	}
	o.count(request, 1)
	wait(o.takes[request.Namespace])
	o.count(request, -1)
	o.Done(request)
	return true
}

func (o *office) count(request reconcile.Request, workers int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if workers > 0 {
		o.began = append(o.began, request.String())
	}
	o.busy[request.Namespace] += workers
}

// under is how many stacks of the namespace are under way.
func (o *office) under(namespace string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.busy[namespace]
}

// remembered is of how many namespaces the queue knows something.
func (o *office) remembered() int {
	o.Fair.mu.Lock()
	defer o.Fair.mu.Unlock()
	return len(o.namespaces)
}

// order are the stacks that were begun, in their order.
func (o *office) order() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.began)
}

// done is how many stacks of the namespace were begun.
func (o *office) done(namespace string) int {
	return len(slices.DeleteFunc(o.order(), func(stack string) bool { return !strings.HasPrefix(stack, namespace+"/") }))
}

// many are so many stacks of the namespace.
func many(namespace string, count int) []types.NamespacedName {
	var stacks []types.NamespacedName
	for i := range count {
		stacks = append(stacks, types.NamespacedName{Namespace: namespace, Name: strconv.Itoa(i)})
	}
	return stacks
}

// TestANamespaceThatHangs shows that the stacks of other namespaces go on, whatever
// becomes of those of one.
func TestANamespaceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, 4, map[string]time.Duration{"hangs": time.Minute, "well": 10 * time.Millisecond})
		Add(o, Trouble, many("hangs", 20)...)
		synctest.Wait()
		Add(o, Look, many("well", 50)...)
		wait(time.Second)
		if got := o.done("well"); got != 50 {
			t.Errorf("%d of 50 stacks of the other namespace were reconciled in a second", got)
		}
		if got := o.under("hangs"); got != 4 {
			t.Errorf("%d workers are with the namespace before it is known to hang, want 4", got)
		}
		wait(time.Minute)
		if got := o.under("hangs"); got != 2 {
			t.Errorf("%d workers are with the namespace once it is known to hang, want half of 4", got)
		}
		wait(20 * time.Minute)
		if got := o.done("hangs"); got != 20 {
			t.Errorf("%d of 20 stacks of the namespace were reconciled in the end", got)
		}
		if left := o.remembered(); left != 0 {
			t.Errorf("%d namespaces are remembered though nothing is under way", left)
		}
	})
}

// TestHalfForANamespaceThatHangs shows how many workers a namespace has while some of its stacks hang.
func TestHalfForANamespaceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, 4, map[string]time.Duration{"hangs": time.Minute})
		Add(o, Change, many("hangs", 1)...)
		wait(2 * time.Second)
		Add(o, Change, many("hangs", 10)...)
		wait(time.Second)
		if got := o.under("hangs"); got != 2 {
			t.Errorf("%d workers are with the namespace, want half of 4", got)
		}
	})
}

// TestOneNamespaceAlone shows that as many stacks of a namespace are reconciled at a
// time as the limit says, and no more.
func TestOneNamespaceAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, 3, map[string]time.Duration{"shop": 10 * time.Millisecond})
		Add(o, Change, many("shop", 300)...)
		wait(5 * time.Millisecond)
		if got := o.under("shop"); got != 3 {
			t.Errorf("%d workers are with the only namespace, want 3", got)
		}
		wait(time.Second)
		if got := len(o.order()); got != 300 {
			t.Errorf("%d of 300 stacks were reconciled in a second, want all", got)
		}
	})
}

// TestOrderWithinANamespace shows that stacks which wait for others of their namespace keep their order.
func TestOrderWithinANamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, 1, map[string]time.Duration{"shop": 10 * time.Millisecond})
		stacks := many("shop", 6)
		Add(o, Look, stacks[0])
		synctest.Wait() // else the two workers may begin in any order
		Add(o, Look, stacks[1:]...)
		wait(time.Millisecond)
		Add(o, Change, types.NamespacedName{Namespace: "shop", Name: "changed"}, stacks[3])
		Add(o, Trouble, types.NamespacedName{Namespace: "shop", Name: "failing"}, stacks[5])
		Add(o, Look, stacks[5], stacks[1])
		wait(time.Second)
		want := []string{"shop/0", "shop/failing", "shop/5", "shop/changed", "shop/3", "shop/1", "shop/2", "shop/4"}
		if diff := cmp.Diff(want, o.order()); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
	})
}

// passingOn is a queue that hands a stack to another worker in the moment in which the
// last one is done with it.
type passingOn struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	done func()
}

func (p *passingOn) Done(request reconcile.Request) {
	p.PriorityQueue.Done(request)
	p.done()
}

// TestOneWorkerAfterAnother shows that a stack which another worker takes at once
// counts as under way for as long as that one works on it.
func TestOneWorkerAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stacks := many("shop", 3)
		of := &passingOn{PriorityQueue: priorityqueue.New[reconcile.Request]("")}
		fair := NewFair(of, 2, clock.RealClock{})
		defer fair.ShutDown()
		Add(fair, Change, stacks[0])
		first, _ := fair.Get()
		of.done = func() {
			Add(fair, Change, stacks[0])
			fair.Get()
		}
		fair.Done(first)
		var began []bool
		for _, stack := range stacks[1:] {
			began = append(began, fair.begin(reconcile.Request{NamespacedName: stack}, int(Change)))
		}
		if diff := cmp.Diff([]bool{true, false}, began); diff != "" {
			t.Errorf("which of two more stacks have a worker, beside one that is under way and of two at most (-want +got):\n%s", diff)
		}
	})
}
