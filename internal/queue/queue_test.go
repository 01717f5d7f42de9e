// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package queue

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// take returns the next items in the queue's order.
func take(into Queue, count int) []string {
	var names []string
	for range count {
		request, _ := into.Get()
		into.Done(request)
		names = append(names, request.Name)
	}
	return names
}

// add adds stacks with each priority, the lowest first.
func add(into Queue) {
	for _, waiting := range []struct {
		priority Priority
		name     string
	}{
		{Look, "looked-at"}, {Change, "counted"}, {Change, "counted-later"},
		{Release, "released"}, {Change, "released"}, {Trouble, "failing"},
	} {
		Add(into, waiting.priority, types.NamespacedName{Name: waiting.name})
	}
}

func TestOrder(t *testing.T) {
	into := priorityqueue.New[reconcile.Request]("test")
	defer into.ShutDown()
	add(into)
	if diff := cmp.Diff([]string{"failing", "released", "counted", "counted-later", "looked-at"}, take(into, 5)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestQueueWithoutPriorities(t *testing.T) {
	into := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer into.ShutDown()
	add(into)
	if diff := cmp.Diff([]string{"looked-at", "counted", "counted-later", "released", "failing"}, take(into, 5)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
