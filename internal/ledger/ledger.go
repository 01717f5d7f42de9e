// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package ledger remembers what the API server answered to the operator's last
// writes. It is only memory: after a restart, a write at most is repeated.
package ledger

import (
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/model"
)

// Ledger is safe for concurrent use. Its zero value is empty and ready.
type Ledger struct {
	mu      sync.Mutex
	byStack map[types.NamespacedName][]answer // few of each stack, for which a map is large
	refused map[types.NamespacedName]map[model.Target]model.Refusal
	records map[types.NamespacedName]map[string]Write
}

// answer is the last to a write of a child.
type answer struct {
	child types.UID
	model.Acceptance
}

// Write is what was written of a revision's record since it was seen last.
type Write struct {
	// Before are the resource versions that were replaced; an empty one where the record was made.
	Before []string
	// At is when the API server answered last.
	At time.Time
}

// Note remembers the answer to a write of a stack's child, which may depend on the last one.
func (l *Ledger) Note(stack types.NamespacedName, child types.UID, next func(last model.Acceptance) model.Acceptance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byStack == nil {
		l.byStack = map[types.NamespacedName][]answer{}
	}
	answers := l.byStack[stack]
	at := slices.IndexFunc(answers, func(a answer) bool { return a.child == child })
	if at < 0 {
		at = len(answers)
		answers = append(slices.Grow(answers, 1), answer{child: child})
		l.byStack[stack] = answers
	}
	answers[at].Acceptance = next(answers[at].Acceptance)
}

// Refuse remembers that the API server refused a write. The answer is what is
// remembered; it is news where the same was not refused before.
func (l *Ledger) Refuse(
	stack types.NamespacedName, target model.Target, refusal model.Refusal,
) (next model.Refusal, news bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused == nil {
		l.refused = map[types.NamespacedName]map[model.Target]model.Refusal{}
	}
	if l.refused[stack] == nil {
		l.refused[stack] = map[model.Target]model.Refusal{}
	}
	next, news = refusal.After(l.refused[stack][target])
	l.refused[stack][target] = next
	return next, news
}

// Settled forgets what was refused of a stack: nothing of it is asked for any more.
func (l *Ledger) Settled(stack types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.refused, stack)
}

// Took forgets that a write was refused: it was taken now.
func (l *Ledger) Took(stack types.NamespacedName, target model.Target) {
	l.mu.Lock()
	defer l.mu.Unlock()
	remove(l.refused, stack, target)
}

// remove deletes a key of the stack's map, and with the last one the map.
func remove[K comparable, V any](all map[types.NamespacedName]map[K]V, stack types.NamespacedName, key K) {
	delete(all[stack], key)
	if len(all[stack]) == 0 {
		delete(all, stack)
	}
}

// Refused is a copy of what the API server refused of a stack.
func (l *Ledger) Refused(stack types.NamespacedName) map[model.Target]model.Refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.refused[stack])
}

// Recorded remembers that a revision's record was written, in place of what it was before.
func (l *Ledger) Recorded(stack types.NamespacedName, name, before string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.records == nil {
		l.records = map[types.NamespacedName]map[string]Write{}
	}
	if l.records[stack] == nil {
		l.records[stack] = map[string]Write{}
	}
	l.records[stack][name] = Write{Before: append(l.records[stack][name].Before, before), At: at}
}

// Records is a copy of the last writes of the stack's records, by name.
func (l *Ledger) Records(stack types.NamespacedName) map[string]Write {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.records[stack])
}

// Erased forgets the write of a record: it was seen since, or its revision is gone.
func (l *Ledger) Erased(stack types.NamespacedName, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	remove(l.records, stack, name)
}

// Of is a copy of what is remembered of a stack.
func (l *Ledger) Of(stack types.NamespacedName) map[types.UID]model.Acceptance {
	l.mu.Lock()
	defer l.mu.Unlock()
	answers := l.byStack[stack]
	if len(answers) == 0 {
		return nil
	}
	of := make(map[types.UID]model.Acceptance, len(answers))
	for _, a := range answers {
		of[a.child] = a.Acceptance
	}
	return of
}

// Drop forgets a child that is gone.
func (l *Ledger) Drop(stack types.NamespacedName, child types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	answers := slices.DeleteFunc(l.byStack[stack], func(a answer) bool { return a.child == child })
	if len(answers) == 0 {
		delete(l.byStack, stack)
		return
	}
	l.byStack[stack] = answers
}

// Forget forgets a stack that is gone.
func (l *Ledger) Forget(stack types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byStack, stack)
	delete(l.refused, stack)
	delete(l.records, stack)
}
