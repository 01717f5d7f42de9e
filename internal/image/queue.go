// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import (
	"maps"
	"slices"
	"time"
)

// Limits on concurrent lookups.
const (
	// perRegistry is the limit for one registry.
	perRegistry = 4
	// perSilent is the limit for a registry that did not respond last time.
	perSilent = 1
	// overall is the limit for all registries together. It bounds the operator's resource usage.
	overall = 64
	// strangers is the limit for all registries that have never responded, or did not last time, so
	// that there is always capacity for those that respond. One namespace may have perNamespace of
	// these lookups, at all such registries together. A lookup at a registry where no other is
	// running may exceed that, up to firsts.
	strangers    = 48
	perNamespace = 24
	firsts       = 40
)

// queue selects the next lookup: in the order of arrival within a registry, and the registries in
// turn. It is guarded by the Resolver's lock.
type queue struct {
	registries map[string]*line
	// turns are the registries with waiting lookups, in order.
	turns   []string
	running int
	// strange is how many of the running lookups are for registries that have not responded, and
	// byNamespace counts them by namespace.
	strange     int
	byNamespace map[string]int
}

// line holds the lookups of one registry.
type line struct {
	lookups []*lookup
	running int
	// proven reports that the registry has responded before; silent reports that it did not last
	// time.
	proven bool
	silent bool
	// until is when the delay ends that the registry asked for.
	until time.Time
}

func newQueue() *queue {
	return &queue{registries: map[string]*line{}, byNamespace: map[string]int{}}
}

// add appends a lookup to the line of its registry.
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

// next removes and returns the lookup to run now, or nil if there is none.
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

// first returns the index of the first lookup in the line that may run, or -1.
func (q *queue) first(line *line, now time.Time) int {
	switch {
	case now.Before(line.until), line.running >= line.limit(), line.strange() && q.strange >= strangers:
		return -1
	case !line.strange():
		return 0
	}
	return slices.IndexFunc(line.lookups, func(l *lookup) bool { return q.byNamespace[l.namespace] < line.share() })
}

// drop releases the slot of a lookup, without a result.
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

// done releases the slot of a finished lookup, and records whether the registry responded.
func (q *queue) done(lookup *lookup, answered bool) {
	q.drop(lookup)
	line := q.registries[lookup.host]
	line.silent = !answered
	line.proven = line.proven || answered
}

// hold delays lookups at a registry until the given time.
func (q *queue) hold(host string, until time.Time) { q.registries[host].until = until }

// forgetAllBut removes the registries that have no lookups and are not among hosts.
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

// share returns the limit on a namespace's running lookups at unresponsive registries, below which it
// may start another one at this registry.
func (l *line) share() int {
	if l.running == 0 {
		return firsts
	}
	return perNamespace
}

// strange reports whether the registry has never responded, or did not last time.
func (l *line) strange() bool { return !l.proven || l.silent }
