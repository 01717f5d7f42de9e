// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package queue

import (
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// waiting is a stack in a line.
type waiting struct {
	request  reconcile.Request
	priority int
}

// line is of stacks that wait: the most pressing first, and those that are as
// pressing in the order in which they came. Its zero value is empty and ready.
type line struct {
	// priorities are those of the stacks, each of which is in line once.
	priorities map[reconcile.Request]int
	// byPriority may still have stacks that are more pressing by now.
	byPriority map[int][]reconcile.Request
}

// add puts the stack into the line. One that is there is as pressing as it ever was.
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

// take takes the first; ok is false where there is none.
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
