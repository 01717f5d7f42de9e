// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"sync"
	"unique"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/queue"
)

// entries hold what is kept, by stack.
type entries struct {
	mu      sync.Mutex
	byStack map[types.NamespacedName]*entry
	// changed is told which stacks are to be reconciled, and why; nil until somebody listens.
	changed func(stacks []types.NamespacedName, priority queue.Priority)
}

// entry has a stack, and what names it as the one that it belongs to.
type entry struct {
	stack types.NamespacedName
	first *object
	// conditions of the stack, in short.
	conditions unique.Handle[string]
	// generation of the stack, which its spec has.
	generation int64
	// waits says how pressing a look at the stack is, as far as it tells itself.
	waits queue.Priority
}

// object is one that is kept.
type object struct {
	kind   *kind
	entry  *entry
	next   *object
	packed string
}

// of is the entry of the stack.
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

// objects lists what is kept of the stack.
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

// stacks lists the stacks that there are, by how pressing a look at them is. Others may be named only.
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

// listen has the function told of changes from now on.
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
