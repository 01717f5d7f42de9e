// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"unique"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/queue"
)

// store keeps the objects of one kind in one namespace or in all. A reflector fills it.
type store struct {
	*kind
	entries *entries
	filled  chan struct{}
	once    sync.Once

	// byName is guarded by the lock of the entries.
	byName map[types.NamespacedName]*object
}

var _ cache.TransformingStore = &store{}

// item is a packed object on its way into the store, with the fields that are needed without
// unpacking it.
type item struct {
	name       types.NamespacedName
	stack      types.NamespacedName
	conditions unique.Handle[string]
	generation int64
	waits      queue.Priority
	packed     string
}

var _ runtime.Object = &item{} // so that a list can hold it

// GetObjectKind implements runtime.Object. It is unused.
func (*item) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject implements runtime.Object.
func (i *item) DeepCopyObject() runtime.Object {
	copied := *i
	return &copied
}

// Transformer implements cache.TransformingStore. It packs objects as they arrive one by one, so
// that the first list is never in memory as a whole.
func (s *store) Transformer() cache.TransformFunc {
	return func(object any) (any, error) { return s.itemOf(object) }
}

func (s *store) itemOf(object any) (*item, error) {
	if packed, ok := object.(*item); ok {
		return packed, nil
	}
	plain, ok := object.(client.Object)
	if !ok {
		return nil, fmt.Errorf("a %T among %s", object, s.resource.Resource)
	}
	i := &item{name: client.ObjectKeyFromObject(plain)}
	i.stack = types.NamespacedName{Namespace: i.name.Namespace, Name: plain.GetLabels()[naming.LabelStack]}
	if stack, ok := plain.(*v1alpha1.AppStack); ok {
		stack.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AppStack")) // a list sets it, a watch does not
		i.stack = i.name
		i.conditions, i.generation, i.waits = conditionsOf(stack), stack.Generation, waits(stack)
	}
	var err error
	i.packed, err = s.pack(plain)
	return i, err
}

// Add implements cache.ReflectorStore.
func (s *store) Add(object any) error { return s.Update(object) }

// Update implements cache.ReflectorStore.
func (s *store) Update(object any) error {
	i, err := s.itemOf(object)
	if err != nil {
		return err
	}
	s.entries.mu.Lock()
	priority := s.priority(i)
	changed := s.put(i)
	s.entries.mu.Unlock()
	s.entries.tell(changed, priority)
	return nil
}

// Delete implements cache.ReflectorStore.
func (s *store) Delete(object any) error {
	plain, ok := object.(client.Object)
	if !ok {
		return fmt.Errorf("a %T among %s", object, s.resource.Resource)
	}
	s.entries.mu.Lock()
	changed := s.drop(client.ObjectKeyFromObject(plain))
	s.entries.mu.Unlock()
	s.entries.tell(changed, queue.Change)
	return nil
}

// Replace implements cache.ReflectorStore: the objects are the complete list.
func (s *store) Replace(objects []any, _ string) error {
	there := make(map[types.NamespacedName]bool, len(objects))
	var changed []types.NamespacedName
	for n, object := range objects {
		i, err := s.itemOf(object)
		if err != nil {
			return err
		}
		objects[n] = i
		there[i.name] = true
	}
	s.entries.mu.Lock()
	for _, name := range slices.Collect(maps.Keys(s.byName)) {
		if !there[name] {
			changed = append(changed, s.drop(name)...)
		}
	}
	for _, object := range objects {
		if i, ok := object.(*item); ok {
			changed = append(changed, s.put(i)...)
		}
	}
	s.entries.mu.Unlock()
	s.entries.tell(changed, queue.Change)
	s.fill() // last: whoever has waited for it is told of later changes only
	return nil
}

// fill marks the store as holding all existing objects.
func (s *store) fill() { s.once.Do(func() { close(s.filled) }) }

// Resync implements cache.ReflectorStore: it enqueues every stack again.
func (s *store) Resync() error {
	if s.resource == stackResource {
		s.entries.tellAll()
	}
	return nil
}

// priority returns the priority of a change to the item: a changed spec of a stack is a release.
func (s *store) priority(i *item) queue.Priority {
	if s.resource != stackResource {
		return queue.Change
	}
	if entry := s.entries.byStack[i.stack]; entry != nil && entry.generation == i.generation {
		return queue.Change
	}
	return queue.Release
}

// waits returns the priority of reconciling the stack when all stacks are enqueued, for example
// when a manager becomes the leader. Users wait for a new spec to be applied, and the pods of an
// open rollout need watching.
func waits(stack *v1alpha1.AppStack) queue.Priority {
	switch {
	case stack.Status.ObservedGeneration != stack.Generation:
		return queue.Release
	case meta.IsStatusConditionTrue(stack.Status.Conditions, v1alpha1.ConditionReconciling):
		return queue.Change
	}
	return queue.Look
}

// put stores the item, and returns the stacks that it changes.
func (s *store) put(i *item) (changed []types.NamespacedName) {
	before := s.byName[i.name]
	if before != nil && before.packed == i.packed {
		return nil
	}
	if before != nil && before.entry.stack == i.stack {
		before.packed = i.packed
		before.entry.describe(i)
		return []types.NamespacedName{i.stack}
	}
	changed = s.drop(i.name)
	entry := s.entries.of(i.stack)
	entry.describe(i)
	kept := &object{kind: s.kind, entry: entry, next: entry.first, packed: i.packed}
	entry.first = kept
	name := types.NamespacedName{Namespace: entry.stack.Namespace, Name: i.name.Name} // shares the string of the namespace's name
	if name == entry.stack {
		name = entry.stack
	}
	if s.byName == nil {
		s.byName = map[types.NamespacedName]*object{}
	}
	s.byName[name] = kept
	return append(changed, entry.stack)
}

// drop removes the object with that name, and returns the stack that this changes.
func (s *store) drop(name types.NamespacedName) (changed []types.NamespacedName) {
	gone := s.byName[name]
	if gone == nil {
		return nil
	}
	delete(s.byName, name)
	for at := &gone.entry.first; *at != nil; at = &(*at).next {
		if *at == gone {
			*at = gone.next
			break
		}
	}
	if s.resource == stackResource {
		gone.entry.conditions, gone.entry.generation = unique.Handle[string]{}, 0
	}
	if gone.entry.first == nil {
		delete(s.entries.byStack, gone.entry.stack)
	}
	return []types.NamespacedName{gone.entry.stack}
}

// describe copies the item's fields if it is a stack.
func (s *entry) describe(i *item) {
	if i.conditions != (unique.Handle[string]{}) {
		s.conditions, s.generation, s.waits = i.conditions, i.generation, i.waits
	}
}
