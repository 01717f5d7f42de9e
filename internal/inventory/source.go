// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package inventory

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Source brings a controller the stacks: all of them at first, and then those
// that changed, or of which something did.
type Source struct{ *Cache }

var _ source.SyncingSource = Source{}

// String names the source in logs.
func (Source) String() string { return "stacks and what belongs to them" }

// Start implements source.Source.
func (s Source) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	s.shelves.listen(func(stacks []types.NamespacedName, happened bool) { enqueue(queue, stacks, happened) })
	s.shelves.tellAll()
	return nil
}

// enqueue puts stacks into the queue: behind the others those that are just to be looked at.
func enqueue(queue workqueue.TypedRateLimitingInterface[reconcile.Request], stacks []types.NamespacedName, happened bool) {
	priorities, ok := queue.(priorityqueue.PriorityQueue[reconcile.Request])
	for _, stack := range stacks {
		request := reconcile.Request{NamespacedName: stack}
		if ok && !happened {
			priorities.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(handler.LowPriority)}, request)
			continue
		}
		queue.Add(request)
	}
}

// WaitForSync implements source.SyncingSource.
func (s Source) WaitForSync(ctx context.Context) error {
	if !s.WaitForCacheSync(ctx) {
		return errNotFilled
	}
	return nil
}
