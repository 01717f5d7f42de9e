// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package queue

import (
	"maps"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/appstack-dev/appstack/internal/model"
)

// slow is the duration after which a reconcile is assumed to hang. An API server and its webhooks
// answer in milliseconds, unless one of them does not answer at all.
const slow = time.Second

// suspicious is how long a namespace is assumed to hang after one of its reconciles did.
const suspicious = time.Minute

// Fair is a queue that keeps workers available for other namespaces if one namespace hangs:
// otherwise a webhook that hangs for its objects would occupy all workers. The limit is the maximum
// number of stacks of one namespace that are reconciled at a time; it is halved while one of them
// hangs or has hung recently. Further stacks wait outside the queue. The controller must have more
// workers than the limit.
type Fair struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	limit int
	clock clock.PassiveClock

	mu         sync.Mutex
	namespaces map[string]*namespace
}

// namespace is the state of one namespace.
type namespace struct {
	// working maps each stack that is being reconciled to the start of its reconcile.
	working map[reconcile.Request]time.Time
	// hung is when the last hanging reconcile ended.
	hung  time.Time
	apart line
}

// NewFair returns a fair queue on top of another one. limit is the maximum number of concurrent
// reconciles per namespace.
func NewFair(of priorityqueue.PriorityQueue[reconcile.Request], limit int, clock clock.PassiveClock) *Fair {
	return &Fair{PriorityQueue: of, limit: limit, clock: clock, namespaces: map[string]*namespace{}}
}

// Get implements workqueue.TypedInterface.
func (f *Fair) Get() (request reconcile.Request, shutdown bool) {
	request, _, shutdown = f.GetWithPriority()
	return request, shutdown
}

// GetWithPriority implements priorityqueue.PriorityQueue. It returns the next stack whose namespace
// may use another worker.
func (f *Fair) GetWithPriority() (request reconcile.Request, priority int, shutdown bool) {
	for {
		request, priority, shutdown = f.PriorityQueue.GetWithPriority()
		if shutdown || f.begin(request, priority) {
			return request, priority, shutdown
		}
		f.PriorityQueue.Done(request) // a change of the stack meanwhile adds it to the queue again
	}
}

// begin reports whether the stack may be reconciled now. If not, it waits outside the queue.
func (f *Fair) begin(request reconcile.Request, priority int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	of := f.namespaces[request.Namespace]
	if of == nil {
		of = &namespace{working: map[reconcile.Request]time.Time{}}
		f.namespaces[request.Namespace] = of
	}
	if len(of.working) >= f.share(of) {
		of.apart.add(request, priority)
		return false
	}
	of.working[request] = f.clock.Now()
	return true
}

// share returns how many workers the namespace may use now, at least one. The caller holds the
// lock.
func (f *Fair) share(of *namespace) int {
	now := f.clock.Now()
	hangs := model.Within(suspicious, of.hung, now)
	for since := range maps.Values(of.working) {
		hangs = hangs || now.Sub(since) >= slow
	}
	if hangs {
		return max(1, f.limit/2)
	}
	return f.limit
}

// Done implements workqueue.TypedInterface. It puts stacks that waited for a worker of the
// namespace back into the queue.
func (f *Fair) Done(request reconcile.Request) {
	waited := f.end(request) // first: afterwards another worker may get the stack, and its entry would be removed
	f.PriorityQueue.Done(request)
	for _, next := range waited {
		f.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(next.priority)}, next.request)
	}
}

// end releases the stack's worker, and returns the stacks that may be reconciled now.
func (f *Fair) end(request reconcile.Request) (next []waiting) {
	f.mu.Lock()
	defer f.mu.Unlock()
	of := f.namespaces[request.Namespace]
	if of == nil {
		return nil
	}
	now := f.clock.Now()
	if since, found := of.working[request]; found && now.Sub(since) >= slow {
		of.hung = now
	}
	delete(of.working, request)
	for range f.share(of) - len(of.working) {
		first, ok := of.apart.take()
		if !ok {
			break
		}
		next = append(next, first)
	}
	if len(of.working) == 0 && len(of.apart.priorities) == 0 {
		delete(f.namespaces, request.Namespace)
	}
	return next
}
