// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

const reference = "registry.example.com/app:1"

func TestPause(t *testing.T) {
	for failures, base := range map[int]time.Duration{
		1: 500 * time.Millisecond, 2: time.Second, 3: 2 * time.Second, 4: 4 * time.Second, 7: 32 * time.Second,
		8: longestRetry, 9: longestRetry, 1000: longestRetry,
	} {
		for range 20 {
			got := (&lookup{failures: failures}).pause(0)
			if most := min(base+base*3/10, longestRetry); got < base || got > most {
				t.Errorf("R23 after %d failures it waits %s, want %s to %s", failures, got, base, most)
			}
		}
	}
	if got := (&lookup{failures: 1}).pause(7 * time.Second); got != 7*time.Second {
		t.Errorf("R23 after Retry-After of 7s it waits %s", got)
	}
	if got := (&lookup{failures: 5}).pause(time.Second); got != time.Second {
		t.Errorf("R23 after a Retry-After shorter than the backoff it waits %s", got)
	}
	if got := (&lookup{failures: 1}).pause(time.Hour); got != longestRetry {
		t.Errorf("R23 after Retry-After of an hour it waits %s", got)
	}
}

// While a release waits there are several tries, with growing pauses.
func TestRetries(t *testing.T) {
	b := start(t, Options{})
	b.fails(http.StatusInternalServerError)
	want := wanting(reference)
	b.waits(shop, want)
	b.idle()
	var tries []time.Duration
	for at := time.Duration(0); at < defaultWait; at += 50 * time.Millisecond {
		if n := len(b.asked()); n > len(tries) {
			tries = append(tries, at)
		}
		b.clock.Step(50 * time.Millisecond)
		b.idle()
	}
	if len(tries) < 4 || len(tries) > 6 {
		t.Errorf("R23 there were tries at %v, want about 5", tries)
	}
	for i := 2; i < len(tries); i++ {
		if tries[i]-tries[i-1] <= tries[i-1]-tries[i-2] {
			t.Errorf("R23 there were tries at %v, want growing pauses", tries)
		}
	}
	wantReason(t, b.known(shop, want), v1alpha1.ReasonRegistryUnavailable)
	if got := b.ended(); slices.ContainsFunc(got, func(s string) bool { return s != v1alpha1.ReasonRegistryUnavailable }) {
		t.Errorf("counted results: %v", got)
	}
}

// Only an answer or missing credentials wake stacks: no other result changes what a reconcile does.
func TestWakes(t *testing.T) {
	for name, test := range map[string]struct {
		code  int
		wakes bool
	}{
		"R23 an answer":       {0, true},
		"R23 unauthorized":    {http.StatusUnauthorized, true},
		"R23 forbidden":       {http.StatusForbidden, true},
		"R23 not found":       {http.StatusNotFound, false},
		"R23 not available":   {http.StatusServiceUnavailable, false},
		"R23 too many":        {http.StatusTooManyRequests, false},
		"R23 strange answers": {http.StatusTeapot, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, Options{})
			b.fails(test.code)
			stacks := []types.NamespacedName{shop, blog}
			b.mu.Lock()
			b.released = make(chan struct{})
			b.mu.Unlock()
			for _, stack := range stacks {
				b.waits(stack, wanting(reference))
			}
			close(b.released)
			b.idle()
			if got := len(b.changed); got != 0 && got != len(stacks) || (got > 0) != test.wakes {
				t.Errorf("%d of the stacks were woken, want %t for all %d", got, test.wakes, len(stacks))
			}
		})
	}
}

// A release that is blocked for long for a reason other than its images gets refreshed answers.
func TestRefresh(t *testing.T) {
	b := start(t, Options{})
	want := wanting(reference)
	b.waits(shop, want)
	b.idle()
	wantUser(t, b.known(shop, want), "1000")
	b.clock.Step(refreshAfter)
	wantUser(t, b.known(shop, want), "1000")
	if n := len(b.asked()); n != 1 {
		t.Errorf("R21 an answer only a minute old was requested again: %v", b.asked())
	}

	b.mu.Lock()
	b.user = "2000" // the tag moves
	b.mu.Unlock()
	b.clock.Step(time.Second)
	wantUser(t, b.known(shop, want), "1000") // does not wait for the refresh
	b.idle()
	wantUser(t, b.known(shop, want), "2000")
	all := []string{"GET /v2/app/manifests/1", "HEAD /v2/app/manifests/1", "GET /v2/app/manifests/1"}
	if got := b.asked(); !slices.Equal(got, all) {
		t.Errorf("R21 requests are %v, want %v", got, all)
	}

	// an answer that cannot be refreshed is kept
	b.fails(http.StatusNotFound)
	b.clock.Step(2 * refreshAfter)
	wantUser(t, b.known(shop, want), "2000")
	b.idle()
	wantUser(t, b.known(shop, want), "2000")
}

// A session accepts answers since its start; another release begins a new session.
func TestSessions(t *testing.T) {
	b := start(t, Options{})
	want := wanting(reference)
	b.waits(shop, want)
	b.idle()
	b.clock.Step(time.Second)
	wantUser(t, b.known(shop, want), "1000")

	next := want
	next.Release = "2"
	images := b.waits(shop, next) // answers since the start of this session
	if images.Wait != defaultWait {
		t.Errorf("R23 the new release waits for %s, want %s", images.Wait, defaultWait)
	}
	b.idle()
	b.clock.Step(time.Second)
	wantUser(t, b.known(shop, next), "1000")

	third := want
	third.Release, third.Since = "3", b.clock.Now().Add(-time.Second)
	wantUser(t, b.known(shop, third), "1000")
	third.Release, third.Since = "4", b.clock.Now().Add(-time.Second+1)
	b.waits(shop, third)
	b.idle()
	if n := len(b.asked()); n != 3 {
		t.Errorf("R21 the registry was asked %d times, want 3: %v", n, b.asked())
	}
	b.Resolver.mu.Lock()
	defer b.Resolver.mu.Unlock()
	if len(b.sessions) != 1 || len(b.lookups) != 1 {
		t.Errorf("there are %d sessions and %d look-ups, want one of each", len(b.sessions), len(b.lookups))
	}
}

// Look-ups that nothing waits for are kept for a while, then dropped together with their registry's
// queue.
func TestSweep(t *testing.T) {
	b := start(t, Options{})
	kept := func() (kept []string) {
		b.Resolver.mu.Lock()
		defer b.Resolver.mu.Unlock()
		for question := range b.lookups {
			kept = append(kept, question.host)
		}
		slices.Sort(kept)
		var lines []string
		for host := range b.queue.registries {
			lines = append(lines, host)
		}
		slices.Sort(lines)
		if !slices.Equal(slices.Compact(slices.Clone(kept)), lines) {
			t.Errorf("R23 there are look-ups for %v and queues for %v", kept, lines)
		}
		return kept
	}
	stack := func(name string) types.NamespacedName { return types.NamespacedName{Namespace: "default", Name: name} }
	look := func(host string) {
		b.waits(stack(host), wanting(host+"/app:1"))
		b.idle()
	}
	look("gone.example.com")
	look("waited.example.com")
	b.fails(http.StatusInternalServerError)
	look("busy.example.com")
	b.fails(0)
	b.Forget(stack("gone.example.com"))
	b.Forget(stack("busy.example.com"))

	b.clock.FakeClock.Step(keep) // does not run retries yet
	look("second.example.com")
	all := []string{"busy.example.com", "gone.example.com", "second.example.com", "waited.example.com"}
	if got := kept(); !slices.Equal(got, all) {
		t.Errorf("R23 after %s look-ups for %v are left, want %v", keep, got, all)
	}
	b.clock.FakeClock.Step(1)
	look("third.example.com")
	rest := []string{"busy.example.com", "second.example.com", "third.example.com", "waited.example.com"}
	if got := kept(); !slices.Equal(got, rest) {
		t.Errorf("R23 after that look-ups for %v are left, want %v", got, rest)
	}
	b.clock.Step(longestRetry) // runs the retries, which nothing waits for
	b.idle()
	look("fourth.example.com")
	rest = []string{"fourth.example.com", "second.example.com", "third.example.com", "waited.example.com"}
	if got := kept(); !slices.Equal(got, rest) {
		t.Errorf("R23 in the end look-ups for %v are left, want %v", got, rest)
	}
}

// Questions asked before the start are looked up at the next reconcile.
func TestBeforeStart(t *testing.T) {
	b := start(t, Options{})
	b.running = nil
	want := wanting(reference)
	b.waits(shop, want)
	b.idle()
	if n := len(b.asked()); n != 0 {
		t.Errorf("the registry was asked %d times before the start", n)
	}
	b.Start(t.Context(), func(stack types.NamespacedName) { b.changed <- stack })
	b.waits(shop, want)
	b.idle()
	wantUser(t, b.known(shop, want), "1000")
}

// An answer requested while the release waited is fresh, even if the clock was set back since.
func TestClockIsSetBack(t *testing.T) {
	b := start(t, Options{})
	b.running = nil
	want := wanting(reference)
	want.Since = noon.Add(-time.Second)
	b.waits(shop, want)
	b.clock.Step(-time.Hour)
	b.Start(t.Context(), func(stack types.NamespacedName) { b.changed <- stack })
	b.waits(shop, want)
	b.idle()
	wantUser(t, b.known(shop, want), "1000")
	if n := len(b.asked()); n != 1 {
		t.Errorf("R21 the registry was asked %d times, want once: %v", n, b.asked())
	}
}

func TestForget(t *testing.T) {
	b := start(t, Options{})
	b.Forget(shop) // not known to the Resolver
	b.waits(shop, wanting(reference, "registry.example.com/app:2"))
	b.look(blog, wanting(reference))
	b.idle()
	b.Forget(shop)
	b.Forget(shop)
	if images := b.look(blog, wanting()); images.Waiting != "" || images.Images != nil {
		t.Errorf("with nothing to look up: %+v", images)
	}
	b.Resolver.mu.Lock()
	defer b.Resolver.mu.Unlock()
	if len(b.sessions) != 0 {
		t.Errorf("R23 %d sessions are left", len(b.sessions))
	}
	for question, lookup := range b.lookups {
		if len(lookup.waiting) != 0 {
			t.Errorf("R23 a stack waits for %v", question)
		}
	}
}

// An invalid reference fails at once, and the stack does not wait.
func TestInvalidReference(t *testing.T) {
	b := start(t, Options{})
	want := wanting("Not an image")
	wantReason(t, b.known(shop, want), v1alpha1.ReasonImageInvalid)
	wantReason(t, b.known(shop, want), v1alpha1.ReasonImageInvalid)
	if n := len(b.asked()); n != 0 {
		t.Errorf("R23 a registry was asked: %v", b.asked())
	}
}
