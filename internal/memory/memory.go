// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package memory holds what the operator remembers of stacks between reconciles: its writes,
// the API server's answers, and the observed progress of a rollout. None of it is persisted:
// after a restart or a change of leader the operator starts without it, and at most repeats a
// write.
package memory

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// Memory holds the memory of all stacks. It is safe for concurrent use. Its zero value is empty
// and ready to use.
type Memory struct {
	mu     sync.Mutex
	stacks map[types.NamespacedName]*Stack
}

// Stack holds the memory of one stack. It is not safe for concurrent use: only the stack's own
// reconcile uses it, and there is one at a time. Its zero value is empty and ready to use.
type Stack struct {
	uid types.UID

	// Writes are the last writes of children, with the API server's answers.
	Writes Writes
	// Records are writes of revisions that the cache may not show yet.
	Records Records
	// Names are the names of children that were recently created, or found unused by a live read.
	Names Names
	// Status is the last status that was written, or held back.
	Status Status
	// Observations is the observed progress of the open rollout.
	Observations Observations
	// Config is when the spec and the ConfigMaps of the stack changed.
	Config Config
	// Secrets is what the Secrets that the pods use were when they were recorded.
	Secrets Secrets
	// Problem is the problem that an event has reported and the status does not show yet; empty
	// if there is none.
	Problem string
}

// Of returns the memory of the stack. It is empty if an earlier stack of the same name was
// deleted.
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

// Forget drops the memory of a deleted stack.
func (m *Memory) Forget(stack types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.stacks, stack)
}
