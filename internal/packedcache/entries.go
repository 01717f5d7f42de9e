// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"sync"
	"unique"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/queue"
)

// entries holds the cached objects by stack.
type entries struct {
	mu      sync.Mutex
	byStack map[types.NamespacedName]*entry
	// changed is called with the stacks to reconcile and their priority; nil until there is a
	// listener.
	changed func(stacks []types.NamespacedName, priority queue.Priority)
}

// entry holds a stack and the objects that belong to it.
type entry struct {
	stack types.NamespacedName
	first *object
	// conditions is the result of conditionsOf; zero if the stack does not exist.
	conditions unique.Handle[string]
	// generation is the stack's metadata.generation.
	generation int64
	// waits is the priority of reconciling the stack when it has not changed.
	waits queue.Priority
}

// object is a cached object.
type object struct {
	kind   *kind
	entry  *entry
	next   *object
	packed string
}

// of returns the entry of the stack, and creates it if necessary.
func (s *entries) of(stack types.NamespacedName) *entry {
	if found := s.byStack[stack]; found != nil {
		return found
	}
	if s.byStack == nil {
		s.byStack = map[types.NamespacedName]*entry{}
	}
	made := &entry{stack: stack}
	s.byStack[stack] = made
	return made
}

// objects lists the cached objects of the stack.
func (s *entries) objects(stack types.NamespacedName) []object {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.byStack[stack]
	if found == nil {
		return nil
	}
	var all []object
	for at := found.first; at != nil; at = at.next {
		all = append(all, *at)
	}
	return all
}

// stacks lists the existing stacks by priority. It omits stacks that are only named by a label.
func (s *entries) stacks() map[queue.Priority][]types.NamespacedName {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[queue.Priority][]types.NamespacedName{}
	for name, entry := range s.byStack {
		if entry.conditions != (unique.Handle[string]{}) {
			all[entry.waits] = append(all[entry.waits], name)
		}
	}
	return all
}

// listen sets the function to call for changes from now on.
func (s *entries) listen(changed func(stacks []types.NamespacedName, priority queue.Priority)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = changed
}

func (s *entries) listener() func([]types.NamespacedName, queue.Priority) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *entries) tell(stacks []types.NamespacedName, priority queue.Priority) {
	if changed := s.listener(); changed != nil && len(stacks) > 0 {
		changed(stacks, priority)
	}
}

func (s *entries) tellAll() {
	changed := s.listener()
	if changed == nil {
		return
	}
	for priority, stacks := range s.stacks() {
		changed(stacks, priority)
	}
}
