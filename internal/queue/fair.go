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

// slow is how long a reconcile lasts from when on it is taken to hang. An API server
// and its webhooks answer in milliseconds, unless one of them does not at all.
const slow = time.Second

// suspicious is for how long others of a namespace are taken to hang too once one has.
const suspicious = time.Minute

// Fair is a queue that keeps a worker for the other namespaces, whatever one does:
// a webhook that hangs for its objects would hold all of them. At most as many
// stacks of a namespace are reconciled at a time as the limit says, and half as many
// where one of these hangs, or did a moment ago; the rest wait apart, in nobody's way. The controller has
// to have more workers than the limit.
type Fair struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	limit int
	clock clock.PassiveClock

	mu         sync.Mutex
	namespaces map[string]*namespace
}

// namespace is what is under way in one.
type namespace struct {
	// working are the stacks that are reconciled, each since when.
	working map[reconcile.Request]time.Time
	// hung is when one of them ended last that had hung.
	hung  time.Time
	apart line
}

// NewFair makes a fair queue of another one.
func NewFair(of priorityqueue.PriorityQueue[reconcile.Request], limit int, clock clock.PassiveClock) *Fair {
	return &Fair{PriorityQueue: of, limit: limit, clock: clock, namespaces: map[string]*namespace{}}
}

// Get implements workqueue.TypedInterface.
func (f *Fair) Get() (request reconcile.Request, shutdown bool) {
	request, _, shutdown = f.GetWithPriority()
	return request, shutdown
}

// GetWithPriority implements priorityqueue.PriorityQueue: it is the next stack whose
// namespace may have one more worker.
func (f *Fair) GetWithPriority() (request reconcile.Request, priority int, shutdown bool) {
	for {
		request, priority, shutdown = f.PriorityQueue.GetWithPriority()
		if shutdown || f.begin(request, priority) {
			return request, priority, shutdown
		}
		f.PriorityQueue.Done(request) // what happens to it meanwhile brings it here again
	}
}

// begin says whether the stack may have a worker. If not, it waits apart.
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

// share is how many workers the namespace may have now, which is never none. The lock is held.
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

// Done implements workqueue.TypedInterface: those that waited for the stack's worker
// are in the queue again.
func (f *Fair) Done(request reconcile.Request) {
	waited := f.end(request) // before another worker can have the stack, which would be taken for this one
	f.PriorityQueue.Done(request)
	for _, next := range waited {
		f.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(next.priority)}, next.request)
	}
}

// end takes the stack's worker back, and says who may have one now.
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
