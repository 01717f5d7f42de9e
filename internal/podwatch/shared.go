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

// sharedStore keeps what is seen of the pods of many stacks, each stack's in a store
// of its own; also of those that nobody follows yet. A reflector fills it.
type sharedStore struct {
	now func() time.Time

	mu     sync.Mutex
	known  bool
	stores map[types.NamespacedName]*store
	// home is the stack of a pod, by the label that it had when it was seen last.
	home map[types.UID]types.NamespacedName
}

var _ cache.TransformingStore = &sharedStore{}

func newSharedStore(now func() time.Time) *sharedStore {
	return &sharedStore{now: now, stores: map[types.NamespacedName]*store{}, home: map[types.UID]types.NamespacedName{}}
}

// join is what is seen of the stack's pods, whose changes are told from now on.
func (c *sharedStore) join(stack types.NamespacedName, changed func(queue.Priority)) *store {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.of(stack)
	one.follow(changed)
	return one
}

// leave has changes of the stack's pods told no more.
func (c *sharedStore) leave(stack types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of(stack).leave()
	c.tidy(stack)
}

// release leaves what is seen of the stack's pods to someone else, who goes on with its store.
func (c *sharedStore) release(stack types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.stores, stack)
}

// of is the store of the stack. The lock is held.
func (c *sharedStore) of(stack types.NamespacedName) *store {
	one := c.stores[stack]
	if one == nil {
		one = newStore(c.now)
		one.known = c.known
		c.stores[stack] = one
	}
	return one
}

// tidy forgets a stack that has no pods, and that nobody follows. The lock is held.
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

// remove takes a pod from a stack. The lock is held.
func (c *sharedStore) remove(stack types.NamespacedName, pod *corev1.Pod) error {
	err := c.of(stack).Delete(pod)
	c.tidy(stack)
	return err
}

// Replace implements cache.ReflectorStore: the objects are all that there are.
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

// Resync implements cache.ReflectorStore: there is nothing to repeat.
func (c *sharedStore) Resync() error { return nil }

// Transformer implements cache.TransformingStore: of what a watch begins with most
// is dropped as it arrives, one by one, so that it is never in memory as it is.
func (c *sharedStore) Transformer() cache.TransformFunc {
	return func(object any) (any, error) {
		if pod, ok := object.(*corev1.Pod); ok {
			return slim(pod), nil
		}
		return object, nil
	}
}

// slimmed is an object of a list as it is kept.
func slimmed(object runtime.Object) (runtime.Object, error) {
	pod, err := asPod(object)
	if err != nil {
		return nil, err
	}
	return slim(pod), nil
}

// slim is the pod without what reduce does not look at.
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

// stackOf is the stack that the pod's label names.
func stackOf(pod *corev1.Pod) types.NamespacedName {
	return types.NamespacedName{Namespace: pod.Namespace, Name: pod.Labels[naming.LabelStack]}
}
