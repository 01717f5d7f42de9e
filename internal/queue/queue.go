// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package queue adds stacks to the controller's queue by priority: stacks that fail come
// first, then releases, then other changes, and last stacks without any change.
package queue

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Queue is a controller's work queue.
type Queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Priority determines how soon a stack is reconciled, depending on what changed.
type Priority int

// From the lowest to the highest.
const (
	// Look is for a stack without any known change.
	Look Priority = handler.LowPriority
	// Change is for a stack with any other change.
	Change Priority = 0
	// Release is for a stack with a new spec, or whose images were resolved. It does not wait for
	// stacks where only numbers of pods changed.
	Release Priority = 100
	// Trouble is for a stack with a container that fails during a rollout: it does not wait
	// for releases, however many there are.
	Trouble Priority = 200
)

// Add puts the stacks into the queue, behind those of the same priority.
func Add(queue Queue, priority Priority, stacks ...types.NamespacedName) {
	priorities, ok := queue.(priorityqueue.PriorityQueue[reconcile.Request])
	for _, stack := range stacks {
		request := reconcile.Request{NamespacedName: stack}
		if ok {
			priorities.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(int(priority))}, request)
		} else {
			queue.Add(request)
		}
	}
}
