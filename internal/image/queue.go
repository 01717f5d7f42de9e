// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import (
	"maps"
	"slices"
	"time"
)

// How many look-ups are under way at a time.
const (
	// perRegistry is how many of one registry's.
	perRegistry = 4
	// perSilent is how many of a registry's that did not answer last time.
	perSilent = 1
	// overall is how many of all registries'. It bounds what the operator spends.
	overall = 64
	// strangers is how many of registries that have not answered yet, or did not last
	// time: those that answer have room besides. One namespace may have perNamespace of
	// these, whatever it names, and firsts where the registry has no other.
	strangers    = 48
	perNamespace = 24
	firsts       = 40
)

// queue says which look-up is next: first come, first served, of each registry,
// and the registries in turns. It is guarded by the Resolver's lock.
type queue struct {
	registries map[string]*line
	// turns are the registries with someone in line.
	turns   []string
	running int
	// strange is how many of running are of registries that have not answered, and
	// byNamespace for whom.
	strange     int
	byNamespace map[string]int
}

// line is that of one registry.
type line struct {
	lookups []*lookup
	running int
	// proven says that the registry has answered before, and silent that it did not last time.
	proven bool
	silent bool
	// until is when a registry that wants to be left alone may be asked again.
	until time.Time
}

func newQueue() *queue {
	return &queue{registries: map[string]*line{}, byNamespace: map[string]int{}}
}

// add puts a look-up at the end of its registry's line.
func (q *queue) add(lookup *lookup) {
	waiting := q.registries[lookup.host]
	if waiting == nil {
		waiting = &line{}
		q.registries[lookup.host] = waiting
	}
	if len(waiting.lookups) == 0 {
		q.turns = append(q.turns, lookup.host)
	}
	waiting.lookups = append(waiting.lookups, lookup)
}

// next takes the look-up that is to run now, or nil.
func (q *queue) next(now time.Time) *lookup {
	if q.running >= overall {
		return nil
	}
	for i, host := range q.turns {
		line := q.registries[host]
		at := q.first(line, now)
		if at < 0 {
			continue
		}
		next := line.lookups[at]
		line.lookups = slices.Delete(line.lookups, at, at+1)
		line.running++
		q.running++
		if next.stranger = line.strange(); next.stranger {
			next.countedFor = next.namespace
			q.strange++
			q.byNamespace[next.countedFor]++
		}
		q.turns = slices.Delete(q.turns, i, i+1)
		if len(line.lookups) > 0 {
			q.turns = append(q.turns, host)
		}
		return next
	}
	return nil
}

// first is the place of the first in the line that may run, or -1.
func (q *queue) first(line *line, now time.Time) int {
	switch {
	case now.Before(line.until), line.running >= line.limit(), line.strange() && q.strange >= strangers:
		return -1
	case !line.strange():
		return 0
	}
	return slices.IndexFunc(line.lookups, func(l *lookup) bool { return q.byNamespace[l.namespace] < line.share() })
}

// drop says that a look-up does not run after all.
func (q *queue) drop(lookup *lookup) {
	q.registries[lookup.host].running--
	q.running--
	if !lookup.stranger {
		return
	}
	q.strange--
	if q.byNamespace[lookup.countedFor]--; q.byNamespace[lookup.countedFor] == 0 {
		delete(q.byNamespace, lookup.countedFor)
	}
}

// done says that a look-up ended, and whether the registry answered.
func (q *queue) done(lookup *lookup, answered bool) {
	q.drop(lookup)
	line := q.registries[lookup.host]
	line.silent = !answered
	line.proven = line.proven || answered
}

// hold leaves a registry alone until then.
func (q *queue) hold(host string, until time.Time) { q.registries[host].until = until }

// forgetAllBut forgets the registries that nobody looks anything up in.
func (q *queue) forgetAllBut(hosts map[string]bool) {
	maps.DeleteFunc(q.registries, func(host string, line *line) bool {
		return !hosts[host] && line.running == 0 && len(line.lookups) == 0
	})
}

func (l *line) limit() int {
	if l.silent {
		return perSilent
	}
	return perRegistry
}

// share is how many look-ups of such registries a namespace may have for one more
// of this one to run.
func (l *line) share() int {
	if l.running == 0 {
		return firsts
	}
	return perNamespace
}

// strange says that nobody knows whether the registry answers.
func (l *line) strange() bool { return !l.proven || l.silent }
