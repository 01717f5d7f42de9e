// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import (
	"context"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

const (
	// firstRetry is how long after a failure the same is asked again; each further
	// failure doubles it.
	firstRetry = 500 * time.Millisecond
	// longestRetry is the longest wait, whatever the registry asks for.
	longestRetry = 5 * time.Minute
	// jitter spreads retries that began together.
	jitter = 0.3
	// keep is how long an answer that nobody waits for is kept for others.
	keep = time.Minute
)

// question is what is looked up. Two that are equal have the same answer: what
// one may see because of its credentials is no answer for others.
type question struct {
	// reference is the image's full name.
	reference string
	// host is the registry.
	host string
	// access is a fingerprint of the credentials.
	access string
}

// lookup is a question on its way to an answer.
type lookup struct {
	question
	auths []authn.Authenticator
	// waiting are the stacks to wake.
	waiting map[types.NamespacedName]struct{}

	// answered says that image is the answer to a question that was asked at askedAt.
	answered bool
	image    model.Image
	askedAt  time.Time
	// failure is how the last try failed; nil where it did not.
	failure  *model.Unresolved
	failedAt time.Time
	failures int
	// busy says that the lookup is queued, runs, or waits to be tried again.
	busy bool
	// usedAt is when someone last asked for the answer.
	usedAt time.Time
}

// failedSince says whether the last try failed, and after that time.
func (l *lookup) failedSince(began time.Time) bool {
	return l.failure != nil && !l.failedAt.Before(began)
}

// deniedSince says whether the registry wanted other credentials.
func (l *lookup) deniedSince(began time.Time) bool {
	return l.failedSince(began) && l.failure.Reason == v1alpha1.ReasonImageUnauthorized
}

// lookup is the one for the source. The lock is held.
func (r *Resolver) lookup(source source) *lookup {
	now := r.options.Clock.Now()
	found := r.lookups[source.question]
	if found == nil {
		r.sweep(now)
		found = &lookup{
			question: source.question,
			auths:    source.access.auths,
			waiting:  map[types.NamespacedName]struct{}{},
		}
		r.lookups[source.question] = found
	}
	found.usedAt = now
	return found
}

// sweep drops what nobody waits for, and has not for a while. The lock is held.
func (r *Resolver) sweep(now time.Time) {
	hosts := map[string]bool{}
	for question, lookup := range r.lookups {
		if !lookup.busy && len(lookup.waiting) == 0 && now.Sub(lookup.usedAt) > keep {
			delete(r.lookups, question)
			continue
		}
		hosts[lookup.host] = true
	}
	r.queue.forgetAllBut(hosts)
}

// ask has the question asked, unless it is about to be. The lock is held.
func (r *Resolver) ask(lookup *lookup) {
	if lookup.busy || r.running == nil {
		return
	}
	lookup.busy = true
	r.queue.add(lookup)
	r.dispatch()
}

// dispatch gives work to workers that are free. The lock is held.
func (r *Resolver) dispatch() {
	for {
		next := r.queue.next()
		if next == nil {
			return
		}
		if len(next.waiting) == 0 {
			next.busy = false // nobody wants to know any more
			r.queue.done(next, true)
			continue
		}
		go r.run(r.running, next, r.options.Clock.Now(), next.image.Digest)
	}
}

// run asks the registry.
func (r *Resolver) run(ctx context.Context, lookup *lookup, askedAt time.Time, before string) {
	tried, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	image, failure := r.registry.image(tried, lookup.reference, lookup.auths, before)
	now := r.options.Clock.Now()
	result := v1alpha1.ReasonImagesPinned
	if failure != nil {
		result = failure.Reason
	}
	r.options.Took(result, now.Sub(askedAt))

	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue.done(lookup, failure == nil || failure.answered)
	if failure == nil {
		lookup.answered, lookup.image, lookup.askedAt = true, image, askedAt
		lookup.failure, lookup.failures, lookup.busy = nil, 0, false
	} else {
		lookup.failure, lookup.failedAt = &failure.Unresolved, now
		lookup.failures++
		r.options.Clock.AfterFunc(lookup.pause(failure.after), func() { r.retry(lookup) })
	}
	r.dispatch()
	if failure == nil || failure.Reason == v1alpha1.ReasonImageUnauthorized {
		for stack := range lookup.waiting {
			r.changed(stack)
		}
	}
}

// pause is how long the lookup waits after a failure.
func (l *lookup) pause(asked time.Duration) time.Duration {
	pause := longestRetry
	if l.failures < 8 {
		pause = wait.Jitter(firstRetry<<(l.failures-1), jitter)
	}
	return min(max(pause, asked), longestRetry)
}

// retry asks again, where the answer is still waited for.
func (r *Resolver) retry(lookup *lookup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lookup.busy = false
	if len(lookup.waiting) > 0 && r.running.Err() == nil {
		r.ask(lookup)
	}
}
