// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package queue

import (
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// waiting is a stack in a line, with its priority.
type waiting struct {
	request  reconcile.Request
	priority int
}

// line holds waiting stacks, ordered by priority and then by arrival. The zero value is an empty
// line.
type line struct {
	// priorities maps each waiting stack to its priority.
	priorities map[reconcile.Request]int
	// byPriority may contain outdated entries of stacks whose priority has increased.
	byPriority map[int][]reconcile.Request
}

// add adds the stack, or raises its priority if it is already waiting with a lower one.
func (l *line) add(request reconcile.Request, priority int) {
	if l.priorities == nil {
		l.priorities, l.byPriority = map[reconcile.Request]int{}, map[int][]reconcile.Request{}
	}
	if before, found := l.priorities[request]; found && before >= priority {
		return
	}
	l.priorities[request] = priority
	l.byPriority[priority] = append(l.byPriority[priority], request)
}

// take removes and returns the first stack; ok is false if the line is empty.
func (l *line) take() (first waiting, ok bool) {
	for len(l.byPriority) > 0 {
		priority := slices.Max(slices.Collect(maps.Keys(l.byPriority)))
		request := l.byPriority[priority][0]
		if l.byPriority[priority] = l.byPriority[priority][1:]; len(l.byPriority[priority]) == 0 {
			delete(l.byPriority, priority)
		}
		if at, found := l.priorities[request]; found && at == priority {
			delete(l.priorities, request)
			return waiting{request, priority}, true
		}
	}
	return waiting{}, false
}
