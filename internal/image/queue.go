// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import "maps"

// How many look-ups are under way at a time.
const (
	// perRegistry is how many of one registry's.
	perRegistry = 4
	// perSilent is how many of a registry's that did not answer last time.
	perSilent = 1
	// overall is how many of all registries'. It bounds what the operator spends;
	// so many registries have to be silent at once before another one waits.
	overall = 64
)

// queue says which look-up is next: first come, first served, of each registry,
// and the registries in turns. It is guarded by the Resolver's lock.
type queue struct {
	registries map[string]*line
	// turns are the registries with someone in line.
	turns   []string
	running int
}

// line is that of one registry.
type line struct {
	lookups []*lookup
	running int
	silent  bool
}

func newQueue() *queue { return &queue{registries: map[string]*line{}} }

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
func (q *queue) next() *lookup {
	if q.running >= overall {
		return nil
	}
	for i, host := range q.turns {
		line := q.registries[host]
		if line.running >= line.limit() {
			continue
		}
		next := line.lookups[0]
		line.lookups = line.lookups[1:]
		line.running++
		q.running++
		q.turns = append(q.turns[:i:i], q.turns[i+1:]...)
		if len(line.lookups) > 0 {
			q.turns = append(q.turns, host)
		}
		return next
	}
	return nil
}

// done says that a look-up ended, and whether the registry answered.
func (q *queue) done(lookup *lookup, answered bool) {
	line := q.registries[lookup.host]
	line.running--
	line.silent = !answered
	q.running--
}

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
