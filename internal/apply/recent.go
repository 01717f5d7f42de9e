// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/model"
)

// moment is how long what was seen of a name is believed.
const moment = 2 * time.Second

// recent remembers what was seen of children's names a moment ago, while a stack
// has something to be written. It is only memory: without it, they are looked at
// once more. Its zero value is empty and ready.
type recent struct {
	mu      sync.Mutex
	byStack map[types.NamespacedName]*sightings
}

// sightings are those of the children of a stack, by when they were.
type sightings struct {
	stack types.UID
	// free were names of Deployments that a move found free, for the pass that follows it.
	// Who takes one meanwhile is found by the write, which makes it, or is refused. What is
	// applied would be merged into an object that somebody has made, and is looked for (R26).
	free map[model.Target]time.Time
	// made are children that were made. The cache may not show them yet.
	made map[model.Target]time.Time
}

// of changes or reads what is remembered of a stack.
func (r *recent) of(stack types.NamespacedName, uid types.UID, do func(*sightings)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byStack == nil {
		r.byStack = map[types.NamespacedName]*sightings{}
	}
	if last := r.byStack[stack]; last == nil || last.stack != uid {
		r.byStack[stack] = &sightings{stack: uid}
	}
	do(r.byStack[stack])
}

func (r *recent) forget(stack types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byStack, stack)
}

// justNow says whether the time is a moment ago.
func justNow(at, now time.Time) bool {
	return !at.IsZero() && model.Within(moment, at, now)
}

// note is the map with the time of the target.
func note(times map[model.Target]time.Time, target model.Target, at time.Time) map[model.Target]time.Time {
	if times == nil {
		times = map[model.Target]time.Time{}
	}
	times[target] = at
	return times
}

// foundFree notes that the names of the steps are free.
func (p *pass) foundFree(steps []model.WriteChild) {
	p.recent.of(p.key(), p.stack.UID, func(seen *sightings) {
		for _, step := range steps {
			if step.Creates() && step.Kind == model.KindDeployment {
				seen.free = note(seen.free, step.Target(), p.Clock.Now())
			}
		}
	})
}

// isFree says whether the name was free a moment ago. It is good for one write.
func (p *pass) isFree(name model.ObjectID) (free bool) {
	p.recent.of(p.key(), p.stack.UID, func(seen *sightings) {
		free = justNow(seen.free[name.Target()], p.Clock.Now())
		delete(seen.free, name.Target())
	})
	return free
}

// made notes that the child of the step was made.
func (p *pass) made(step model.WriteChild) {
	p.recent.of(p.key(), p.stack.UID, func(seen *sightings) { seen.made = note(seen.made, step.Target(), p.Clock.Now()) })
}

// removed notes that the child of the step was removed.
func (p *pass) removed(step model.Delete) {
	p.recent.of(p.key(), p.stack.UID, func(seen *sightings) { delete(seen.made, step.Target()) })
}

// isMade says whether the step creates a child that was made a moment ago.
func (p *pass) isMade(step model.Step) (made bool) {
	if !step.Object().Creates() {
		return false
	}
	p.recent.of(p.key(), p.stack.UID, func(seen *sightings) { made = justNow(seen.made[step.Target()], p.Clock.Now()) })
	return made
}
