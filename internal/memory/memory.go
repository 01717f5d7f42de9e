// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package memory is what the operator remembers of stacks from one reconcile to the next:
// what it wrote, what the API server answered, what it has seen of a rollout. It is only
// memory: another operator, or this one after a restart, begins without it, and repeats a
// write at most.
package memory

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// Memory is of all stacks. It is safe for concurrent use. Its zero value is empty and ready.
type Memory struct {
	mu     sync.Mutex
	stacks map[types.NamespacedName]*Stack
}

// Stack is what is remembered of one stack. Only the stack's own reconcile uses it, of
// which there is one at a time. Its zero value is empty and ready.
type Stack struct {
	uid types.UID

	// Writes are those of children, with the answers to them.
	Writes Writes
	// Records are writes of revisions that the cache may not show yet.
	Records Records
	// Names are what was seen of children's names a moment ago.
	Names Names
	// Status is the last one that was written.
	Status Status
	// Sight is what was seen of the open rollout.
	Sight Sight
	// Problem is one that an event has told, and the status does not show yet.
	Problem string
}

// Of is what is remembered of the stack: nothing of an earlier one of its name.
func (m *Memory) Of(stack *v1alpha1.AppStack) *Stack {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := client.ObjectKeyFromObject(stack)
	if found := m.stacks[key]; found != nil && found.uid == stack.UID {
		return found
	}
	if m.stacks == nil {
		m.stacks = map[types.NamespacedName]*Stack{}
	}
	m.stacks[key] = &Stack{uid: stack.UID}
	return m.stacks[key]
}

// Forget forgets a stack that is gone.
func (m *Memory) Forget(stack types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.stacks, stack)
}
