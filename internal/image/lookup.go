// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import (
	"context"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"

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
	// auths are the credentials, while someone waits.
	auths []authn.Authenticator
	// namespace is that of who asked first. Stranger says that it runs without that
	// the registry has answered before, counted for that namespace.
	namespace  string
	stranger   bool
	countedFor string
	// waiting are the stacks to wake.
	waiting map[types.NamespacedName]struct{}

	// asks is how often the registry was asked.
	asks int
	// answered says that image is the answer to a question that was asked at askedAt,
	// as which of the asks.
	answered    bool
	answeredAsk int
	image       model.Image
	askedAt     time.Time
	// failure is how the last try failed; nil where it did not.
	failure  *model.Unresolved
	failedAt time.Time
	failures int
	// busy says that the lookup is queued, runs, or waits to be tried again.
	busy bool
	// pausing ends the wait for the next try; nil while there is none. Held says
	// that the registry asked for it.
	pausing clock.Timer
	held    bool
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
		found = &lookup{question: source.question, waiting: map[types.NamespacedName]struct{}{}}
		r.lookups[source.question] = found
	}
	found.usedAt = now
	return found
}

// join lets the session's stack wait for the lookup. What failed for others
// before is tried anew for a release that began later, unless the registry wants
// to be left alone. The lock is held.
func (r *Resolver) join(lookup *lookup, stack types.NamespacedName, session *session, access access) {
	if len(lookup.waiting) == 0 {
		lookup.namespace = stack.Namespace
	}
	lookup.auths = access.auths
	lookup.waiting[stack] = struct{}{}
	if _, joined := session.lookups[lookup]; joined {
		return
	}
	session.lookups[lookup] = lookup.asks
	if lookup.held || session.began.Sub(lookup.failedAt) <= firstRetry {
		return
	}
	lookup.failures = 0
	if lookup.pausing != nil && lookup.pausing.Stop() {
		lookup.pausing, lookup.busy = nil, false
	}
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
		next := r.queue.next(r.options.Clock.Now())
		if next == nil {
			return
		}
		if len(next.waiting) == 0 {
			next.busy = false // nobody wants to know any more
			r.queue.drop(next)
			continue
		}
		next.asks++
		go r.run(r.running, next, next.auths, next.image.Digest, r.options.Clock.Now())
	}
}

// run asks the registry.
func (r *Resolver) run(ctx context.Context, lookup *lookup, auths []authn.Authenticator, before string, askedAt time.Time) {
	tried, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	image, failure := r.registry.image(tried, lookup.reference, auths, before)
	now := r.options.Clock.Now()
	result := v1alpha1.ReasonImagesPinned
	if failure != nil {
		result = failure.Reason
	}
	r.options.Took(result, now.Sub(askedAt))

	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue.done(lookup, failure == nil || failure.answered)
	if failure != nil && failure.after > 0 {
		after := min(failure.after, longestRetry)
		r.queue.hold(lookup.host, now.Add(after))
		r.options.Clock.AfterFunc(after, r.resume)
	}
	if failure == nil {
		lookup.answered, lookup.answeredAsk, lookup.image, lookup.askedAt = true, lookup.asks, image, askedAt
		lookup.failure, lookup.failures, lookup.busy = nil, 0, false
	} else {
		lookup.failure, lookup.failedAt = &failure.Unresolved, now
		lookup.failures++
		lookup.held = failure.after > 0
		lookup.pausing = r.options.Clock.AfterFunc(lookup.pause(failure.after), func() { r.retry(lookup) })
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
	switch {
	case asked > 0:
		return min(asked, longestRetry) // the registry knows best
	case l.failures < 8:
		return wait.Jitter(firstRetry<<(l.failures-1), jitter)
	}
	return longestRetry
}

// retry asks again, where the answer is still waited for.
func (r *Resolver) retry(lookup *lookup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lookup.busy, lookup.pausing, lookup.held = false, nil, false
	if len(lookup.waiting) > 0 && r.running.Err() == nil {
		r.ask(lookup)
	}
}

// resume gives work to workers, after a registry wanted to be left alone.
func (r *Resolver) resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running.Err() == nil {
		r.dispatch()
	}
}
