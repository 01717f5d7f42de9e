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
	// firstRetry is the delay before the retry after a failure. It doubles with each further
	// failure.
	firstRetry = 500 * time.Millisecond
	// longestRetry is the maximum delay, even if the registry asks for more.
	longestRetry = 5 * time.Minute
	// jitter spreads retries that started at the same time.
	jitter = 0.3
	// keep is how long an unused result is kept for other stacks.
	keep = time.Minute
)

// question identifies a lookup: equal questions share one result. It includes the credentials,
// because a result obtained with one set of credentials must not be shown to users of another.
type question struct {
	// reference is the full name of the image.
	reference string
	// host is the registry.
	host string
	// access is a fingerprint of the credentials.
	access string
}

// lookup is a question and the state of its lookup.
type lookup struct {
	question
	// auths are the credentials, as long as a stack is waiting.
	auths []authn.Authenticator
	// namespace is the namespace of the first waiting stack. stranger reports that the lookup was
	// started for a registry that had not answered, and is counted for the namespace countedFor.
	namespace  string
	stranger   bool
	countedFor string
	// waiting are the stacks to reconcile when the result is known.
	waiting map[types.NamespacedName]struct{}

	// asks is how often the registry was asked.
	asks int
	// answered reports that image contains a result. askedAt is when its request started, and
	// answeredAsk is the value of asks at that time.
	answered    bool
	answeredAsk int
	image       model.Image
	askedAt     time.Time
	// failure is why the last attempt failed; nil if it succeeded.
	failure  *model.Unresolved
	failedAt time.Time
	failures int
	// busy reports whether the lookup is queued, running, or waiting for a retry.
	busy bool
	// pausing is the timer of the next retry; nil if there is none. held reports whether the
	// registry asked for the delay.
	pausing clock.Timer
	held    bool
	// usedAt is when the result was last requested.
	usedAt time.Time
}

// failedSince reports whether the last attempt failed at or after that time.
func (l *lookup) failedSince(began time.Time) bool {
	return l.failure != nil && !l.failedAt.Before(began)
}

// deniedSince reports whether the registry rejected the credentials at or after that time.
func (l *lookup) deniedSince(began time.Time) bool {
	return l.failedSince(began) && l.failure.Reason == v1alpha1.ReasonImageUnauthorized
}

// lookup returns the lookup for the source, and creates it if necessary. The caller holds the lock.
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

// join adds the stack to those waiting for the lookup. If the lookup failed more than firstRetry
// before the stack's release started, it is retried at once, unless the registry asked for a
// delay. The caller holds the lock.
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

// sweep removes lookups that nobody waits for and that have not been used for a while. The caller
// holds the lock.
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

// ask queues the lookup unless it is already busy. The caller holds the lock.
func (r *Resolver) ask(lookup *lookup) {
	if lookup.busy || r.running == nil {
		return
	}
	lookup.busy = true
	r.queue.add(lookup)
	r.dispatch()
}

// dispatch starts queued lookups while there are free workers. The caller holds the lock.
func (r *Resolver) dispatch() {
	for {
		next := r.queue.next(r.options.Clock.Now())
		if next == nil {
			return
		}
		if len(next.waiting) == 0 {
			next.busy = false // nobody is waiting any more
			r.queue.drop(next)
			continue
		}
		next.asks++
		go r.run(r.running, next, next.auths, next.image.Digest, r.options.Clock.Now())
	}
}

// run performs the lookup and stores its result.
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

// pause returns the delay before the retry after a failure.
func (l *lookup) pause(asked time.Duration) time.Duration {
	switch {
	case asked > 0:
		return min(asked, longestRetry) // the registry's own delay takes precedence
	case l.failures < 8:
		return wait.Jitter(firstRetry<<(l.failures-1), jitter)
	}
	return longestRetry
}

// retry queues the lookup again if a stack is still waiting for it.
func (r *Resolver) retry(lookup *lookup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lookup.busy, lookup.pausing, lookup.held = false, nil, false
	if len(lookup.waiting) > 0 && r.running.Err() == nil {
		r.ask(lookup)
	}
}

// resume starts queued lookups when the delay that a registry asked for has passed.
func (r *Resolver) resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running.Err() == nil {
		r.dispatch()
	}
}
