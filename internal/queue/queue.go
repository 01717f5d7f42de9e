// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package queue puts stacks into the controller's queue: what fails before what is
// released, that before what counts pods, and what is just to be looked at last.
package queue

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Queue is that of a controller.
type Queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Why is why a stack is to be reconciled. Each has a priority in the queue.
type Why int

// From the least to the most pressing.
const (
	// Look is for a stack that nothing is known to have happened to.
	Look Why = handler.LowPriority
	// Change is for one of which something changed.
	Change Why = 0
	// Release is for one whose spec is another, or whose images are found: it does not
	// wait for those that count pods.
	Release Why = 100
	// Trouble is for one with a container that fails, while it rolls out: however many
	// others are released, it does not wait for them.
	Trouble Why = 200
)

// Add puts the stacks into the queue, behind those that wait for the same reason.
func Add(queue Queue, why Why, stacks ...types.NamespacedName) {
	priorities, ok := queue.(priorityqueue.PriorityQueue[reconcile.Request])
	for _, stack := range stacks {
		request := reconcile.Request{NamespacedName: stack}
		if ok {
			priorities.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(int(why))}, request)
		} else {
			queue.Add(request)
		}
	}
}
