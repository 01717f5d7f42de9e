// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package podwatch

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/queue"
)

// sharedStore keeps the observed pods of many stacks in one store per stack, including stacks that
// nobody follows yet. A reflector fills it.
type sharedStore struct {
	now func() time.Time

	mu     sync.Mutex
	known  bool
	stores map[types.NamespacedName]*store
	// home maps each pod to its stack, by the label at the last observation.
	home map[types.UID]types.NamespacedName
}

var _ cache.TransformingStore = &sharedStore{}

func newSharedStore(now func() time.Time) *sharedStore {
	return &sharedStore{now: now, stores: map[types.NamespacedName]*store{}, home: map[types.UID]types.NamespacedName{}}
}

// join returns the store of the stack's pods, and reports their changes from now on.
func (c *sharedStore) join(stack types.NamespacedName, changed func(queue.Priority)) *store {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.of(stack)
	one.follow(changed)
	return one
}

// leave stops reporting changes of the stack's pods.
func (c *sharedStore) leave(stack types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of(stack).leave()
	c.tidy(stack)
}

// release hands the store of the stack's pods over to another watch, which continues to fill it.
func (c *sharedStore) release(stack types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.stores, stack)
}

// of returns the store of the stack, and creates it if necessary. The caller holds the lock.
func (c *sharedStore) of(stack types.NamespacedName) *store {
	one := c.stores[stack]
	if one == nil {
		one = newStore(c.now)
		one.known = c.known
		c.stores[stack] = one
	}
	return one
}

// tidy removes the store of a stack without pods or followers. The caller holds the lock.
func (c *sharedStore) tidy(stack types.NamespacedName) {
	if one := c.stores[stack]; one != nil && one.idle() {
		delete(c.stores, stack)
	}
}

// Add implements cache.ReflectorStore.
func (c *sharedStore) Add(object any) error { return c.Update(object) }

// Update implements cache.ReflectorStore.
func (c *sharedStore) Update(object any) error {
	pod, err := asPod(object)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	stack := stackOf(pod)
	if before, found := c.home[pod.UID]; found && before != stack {
		if err := c.remove(before, pod); err != nil {
			return err
		}
	}
	c.home[pod.UID] = stack
	return c.of(stack).Update(pod)
}

// Delete implements cache.ReflectorStore.
func (c *sharedStore) Delete(object any) error {
	pod, err := asPod(object)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	stack, found := c.home[pod.UID]
	if !found {
		return nil
	}
	delete(c.home, pod.UID)
	return c.remove(stack, pod)
}

// remove removes a pod from a stack's store. The caller holds the lock.
func (c *sharedStore) remove(stack types.NamespacedName, pod *corev1.Pod) error {
	err := c.of(stack).Delete(pod)
	c.tidy(stack)
	return err
}

// Replace implements cache.ReflectorStore: the objects are the complete list.
func (c *sharedStore) Replace(objects []any, version string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.home = true, make(map[types.UID]types.NamespacedName, len(objects))
	byStack := map[types.NamespacedName][]any{}
	for _, object := range objects {
		if pod, ok := object.(*corev1.Pod); ok {
			stack := stackOf(pod)
			c.home[pod.UID] = stack
			byStack[stack] = append(byStack[stack], pod)
		}
	}
	for stack := range byStack {
		c.of(stack)
	}
	for stack, one := range c.stores {
		if err := one.Replace(byStack[stack], version); err != nil {
			return err
		}
		c.tidy(stack)
	}
	return nil
}

// Resync implements cache.ReflectorStore. It does nothing.
func (c *sharedStore) Resync() error { return nil }

// Transformer implements cache.TransformingStore. It drops the unused fields of each pod as it
// arrives, so that the initial pods are never all in memory in full.
func (c *sharedStore) Transformer() cache.TransformFunc {
	return func(object any) (any, error) {
		if pod, ok := object.(*corev1.Pod); ok {
			return slim(pod), nil
		}
		return object, nil
	}
}

// slimmed returns an object of a list without the unused fields.
func slimmed(object runtime.Object) (runtime.Object, error) {
	pod, err := asPod(object)
	if err != nil {
		return nil, err
	}
	return slim(pod), nil
}

// slim removes large fields that reduce does not read from the pod, and returns it.
func slim(pod *corev1.Pod) *corev1.Pod {
	pod.ManagedFields, pod.Annotations = nil, nil
	if pod.DeletionTimestamp == nil {
		pod.Finalizers, pod.Spec.NodeName = nil, ""
	}
	var init []corev1.Container
	for _, container := range pod.Spec.InitContainers {
		init = append(init, corev1.Container{Name: container.Name, RestartPolicy: container.RestartPolicy})
	}
	pod.Spec = corev1.PodSpec{InitContainers: init, NodeName: pod.Spec.NodeName}
	return pod
}

// stackOf returns the stack named by the pod's label.
func stackOf(pod *corev1.Pod) types.NamespacedName {
	return types.NamespacedName{Namespace: pod.Namespace, Name: pod.Labels[naming.LabelStack]}
}
