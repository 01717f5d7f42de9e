// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package inventory

import (
	"sync"
	"unique"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/queue"
)

// shelves hold what is kept, by stack.
type shelves struct {
	mu      sync.Mutex
	byStack map[types.NamespacedName]*shelf
	// changed is told which stacks are to be reconciled, and why; nil until somebody listens.
	changed func(stacks []types.NamespacedName, why queue.Why)
}

// shelf has a stack, and what names it as the one that it belongs to.
type shelf struct {
	stack types.NamespacedName
	first *object
	// conditions of the stack, in short.
	conditions unique.Handle[string]
	// generation of the stack, which its spec has.
	generation int64
	// waits says how pressing a look at the stack is, as far as it tells itself.
	waits queue.Why
}

// object is one that is kept.
type object struct {
	kind   *kind
	shelf  *shelf
	next   *object
	packed string
}

// of is the shelf of the stack.
func (s *shelves) of(stack types.NamespacedName) *shelf {
	if found := s.byStack[stack]; found != nil {
		return found
	}
	if s.byStack == nil {
		s.byStack = map[types.NamespacedName]*shelf{}
	}
	made := &shelf{stack: stack}
	s.byStack[stack] = made
	return made
}

// objects lists what is kept of the stack.
func (s *shelves) objects(stack types.NamespacedName) []object {
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
func (s *shelves) stacks() map[queue.Why][]types.NamespacedName {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[queue.Why][]types.NamespacedName{}
	for name, shelf := range s.byStack {
		if shelf.conditions != (unique.Handle[string]{}) {
			all[shelf.waits] = append(all[shelf.waits], name)
		}
	}
	return all
}

// listen has the function told of changes from now on.
func (s *shelves) listen(changed func(stacks []types.NamespacedName, why queue.Why)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = changed
}

func (s *shelves) listener() func([]types.NamespacedName, queue.Why) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *shelves) tell(stacks []types.NamespacedName, why queue.Why) {
	if changed := s.listener(); changed != nil && len(stacks) > 0 {
		changed(stacks, why)
	}
}

func (s *shelves) tellAll() {
	changed := s.listener()
	if changed == nil {
		return
	}
	for why, stacks := range s.stacks() {
		changed(stacks, why)
	}
}
