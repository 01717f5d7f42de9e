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

// wait sleeps for the duration in the test's synctest bubble.
func wait(d time.Duration) { <-time.After(d) }

// office has workers that take stacks from a fair queue, and work on each for its namespace's
// duration.
type office struct {
	*Fair
	takes map[string]time.Duration

	mu    sync.Mutex
	began []string       // in order
	busy  map[string]int // by namespace
}

// open starts one more worker than the limit. They stop with the test.
func open(t *testing.T, limit int, takes map[string]time.Duration) *office {
	t.Helper()
	// without a name it registers no metrics
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

// work handles one stack, or returns false if the queue is shut down.
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

// under returns how many stacks of the namespace are in progress.
func (o *office) under(namespace string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.busy[namespace]
}

// remembered returns how many namespaces the queue keeps state for.
func (o *office) remembered() int {
	o.Fair.mu.Lock()
	defer o.Fair.mu.Unlock()
	return len(o.namespaces)
}

// order returns the started stacks in order.
func (o *office) order() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.began)
}

// done returns how many stacks of the namespace were started.
func (o *office) done(namespace string) int {
	return len(slices.DeleteFunc(o.order(), func(stack string) bool { return !strings.HasPrefix(stack, namespace+"/") }))
}

// many returns this many stacks of the namespace.
func many(namespace string, count int) []types.NamespacedName {
	var stacks []types.NamespacedName
	for i := range count {
		stacks = append(stacks, types.NamespacedName{Namespace: namespace, Name: strconv.Itoa(i)})
	}
	return stacks
}

// TestANamespaceThatHangs checks that a hanging namespace does not block the stacks of other
// namespaces.
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
			t.Errorf("%d workers are in the namespace before it is known to hang, want 4", got)
		}
		wait(time.Minute)
		if got := o.under("hangs"); got != 2 {
			t.Errorf("%d workers are in the namespace once it is known to hang, want half of 4", got)
		}
		wait(20 * time.Minute)
		if got := o.done("hangs"); got != 20 {
			t.Errorf("%d of 20 stacks of the namespace were reconciled in the end", got)
		}
		if left := o.remembered(); left != 0 {
			t.Errorf("%d namespaces are remembered though nothing is in progress", left)
		}
	})
}

// TestHalfForANamespaceThatHangs checks the number of workers of a namespace while some of its
// stacks hang.
func TestHalfForANamespaceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, 4, map[string]time.Duration{"hangs": time.Minute})
		Add(o, Change, many("hangs", 1)...)
		wait(2 * time.Second)
		Add(o, Change, many("hangs", 10)...)
		wait(time.Second)
		if got := o.under("hangs"); got != 2 {
			t.Errorf("%d workers are in the namespace, want half of 4", got)
		}
	})
}

// TestOneNamespaceAlone checks that up to the limit, stacks of one namespace are reconciled
// concurrently.
func TestOneNamespaceAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, 3, map[string]time.Duration{"shop": 10 * time.Millisecond})
		Add(o, Change, many("shop", 300)...)
		wait(5 * time.Millisecond)
		if got := o.under("shop"); got != 3 {
			t.Errorf("%d workers are in the only namespace, want 3", got)
		}
		wait(time.Second)
		if got := len(o.order()); got != 300 {
			t.Errorf("%d of 300 stacks were reconciled in a second, want all", got)
		}
	})
}

// TestOrderWithinANamespace checks that waiting stacks of a namespace keep their order.
func TestOrderWithinANamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, 1, map[string]time.Duration{"shop": 10 * time.Millisecond})
		stacks := many("shop", 6)
		Add(o, Look, stacks[0])
		synctest.Wait() // otherwise the two workers may start in any order
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

// passingOn is a queue that hands a stack to another worker at the moment when the previous worker
// is done with it.
type passingOn struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	done func()
}

func (p *passingOn) Done(request reconcile.Request) {
	p.PriorityQueue.Done(request)
	p.done()
}

// TestOneWorkerAfterAnother checks that a stack that another worker takes immediately counts as in
// progress until that worker is done.
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
			t.Errorf("two more stacks started, besides one in progress and with a limit of two (-want +got):\n%s", diff)
		}
	})
}
