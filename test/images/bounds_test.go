// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package images

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/test/registry"
)

// crowd counts the requests in progress and blocks them until they are released.
type crowd struct {
	mu         sync.Mutex
	now, most  int
	came, left int
	hosts      map[string]int
	letGo      chan struct{}
}

func newCrowd() *crowd { return &crowd{hosts: map[string]int{}, letGo: make(chan struct{})} }

// handle blocks a server's request until it is released or canceled.
func (c *crowd) handle(w http.ResponseWriter, r *http.Request) bool {
	c.mu.Lock()
	c.now++
	c.came++
	c.hosts[r.Host]++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.now--
		c.left++
	}()
	select {
	case <-c.letGo:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusNotFound)
	return true
}

func (c *crowd) is() (now, most, came, hosts int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now, c.most, c.came, len(c.hosts)
}

// many returns n stacks, each with an image of its own.
func many(n int, host string) map[types.NamespacedName]model.Questions {
	stacks := map[types.NamespacedName]model.Questions{}
	for i := range n {
		stack := types.NamespacedName{Namespace: "default", Name: fmt.Sprintf("%s-%d", host, i)}
		stacks[stack] = wanting(fmt.Sprintf("%s/app:%d", host, i))
	}
	return stacks
}

// prove makes the registry answer once, with 404: one that never answered gets fewer requests.
func (c *crowd) prove(b *bench, host string) {
	b.t.Helper()
	stack := types.NamespacedName{Namespace: "default", Name: "before"}
	ended := len(b.results())
	b.begin(stack, wanting(host+"/app:before"))
	select {
	case c.letGo <- struct{}{}:
	case <-time.After(patience):
		b.t.Fatal("no request arrived")
	}
	b.eventually("the first look-up", func() bool { return len(b.results()) > ended })
	b.Forget(stack)
}

func TestPerRegistry(t *testing.T) {
	t.Parallel()
	const stacks = 40
	crowded := newCrowd()
	f := newFront(t, nil, false, crowded.handle)
	b := start(t, image.Options{Clock: newClock(), Timeout: forever, Registries: image.Registries{PlainHTTP: []string{f.host()}}})
	crowded.prove(b, f.host())
	for stack, want := range many(stacks, f.host()) {
		b.begin(stack, want)
	}
	b.eventually("4 requests", func() bool { now, _, _, _ := crowded.is(); return now == 4 })
	close(crowded.letGo)
	b.eventually("all look-ups", func() bool { return len(b.results()) == 1+stacks })
	if _, most, came, _ := crowded.is(); most != 4 || came != 1+stacks {
		t.Errorf("R23 %d of %d requests were in progress at once, want 4 of %d", most, came, 1+stacks)
	}
}

// A registry that did not answer gets one request at a time until it answers.
func TestPerSilentRegistry(t *testing.T) {
	t.Parallel()
	const stacks = 12
	crowded := newCrowd()
	f := newFront(t, nil, false, crowded.handle)
	b := start(t, image.Options{
		Clock: newClock(), Timeout: 300 * time.Millisecond, Registries: image.Registries{PlainHTTP: []string{f.host()}},
	})
	crowded.prove(b, f.host())
	for stack, want := range many(stacks, f.host()) {
		b.begin(stack, want)
	}
	b.eventually("the end of the first look-ups", func() bool {
		crowded.mu.Lock()
		defer crowded.mu.Unlock()
		crowded.most = crowded.now // from now on
		return crowded.left >= 1+4
	})
	b.eventually("further look-ups", func() bool { return len(b.results()) >= 1+8 })
	// the server may not have seen the end of a request before the next one begins
	if _, most, _, _ := crowded.is(); most > 2 {
		t.Errorf("R23 a silent registry got %d requests at once", most)
	}
	close(crowded.letGo)
	b.eventually("all look-ups", func() bool { return len(b.results()) >= stacks })
}

func TestOverall(t *testing.T) {
	t.Parallel()
	const registries, each, overall = 20, 5, 64
	crowded := newCrowd()
	options := image.Options{Clock: newClock(), Timeout: forever}
	var hosts []string
	for range registries {
		hosts = append(hosts, newFront(t, nil, false, crowded.handle).host())
	}
	options.PlainHTTP = hosts
	b := start(t, options)
	for _, host := range hosts {
		crowded.prove(b, host)
	}
	for _, host := range hosts {
		for stack, want := range many(each, host) {
			b.begin(stack, want)
		}
	}
	b.eventually("64 requests", func() bool { now, _, _, _ := crowded.is(); return now == overall })
	close(crowded.letGo)
	const all = registries * (1 + each)
	b.eventually("all look-ups", func() bool { return len(b.results()) == all })
	if _, most, came, asked := crowded.is(); most != overall || came != all || asked != registries {
		t.Errorf("R23 %d of %d requests to %d registries were in progress at once, want %d", most, came, asked, overall)
	}
}

// Hosts that never answer must not block requests to others, no matter how many images name them.
func TestSilentRegistriesLeaveRoom(t *testing.T) {
	t.Parallel()
	crowded := newCrowd()
	options := image.Options{Clock: newClock(), Wait: imageWait, Timeout: forever}
	var silent []string
	for range 16 {
		silent = append(silent, newFront(t, nil, false, crowded.handle).host())
	}
	options.PlainHTTP = silent
	b := start(t, options, open)
	for _, host := range silent {
		for stack, want := range many(4, host) {
			stack.Namespace = "noisy"
			b.begin(stack, want)
		}
	}
	reference, _ := push(t, open, "room:1", registry.Image())
	b.begin(shop, wanting(reference))
	if !within(2*time.Second, func() bool { return len(b.wakes(shop)) > 0 }) {
		t.Errorf("R23 64 images of 16 registries that do not answer block requests to a healthy one")
	}
}

// Queued look-ups that no stack waits for are dropped.
func TestForgetDropsQuestions(t *testing.T) {
	t.Parallel()
	crowded := newCrowd()
	f := newFront(t, nil, false, crowded.handle)
	b := start(t, image.Options{Clock: newClock(), Timeout: forever, Registries: image.Registries{PlainHTTP: []string{f.host()}}})
	crowded.prove(b, f.host())
	stacks := many(40, f.host())
	for stack, want := range stacks {
		b.begin(stack, want)
	}
	b.eventually("4 requests", func() bool { now, _, _, _ := crowded.is(); return now == 4 })
	for stack := range stacks {
		b.Forget(stack)
	}
	b.begin(shop, wanting(f.host()+"/last:1"))
	close(crowded.letGo)
	b.eventually("the last look-up", func() bool { return len(b.results()) == 1+4+1 })
	if _, _, came, _ := crowded.is(); came != 1+4+1 {
		t.Errorf("R23 %d requests were made, want the first, the 4 in progress and the last one", came)
	}
}

// A look-up that no stack waits for is not retried; a stack that asks again gets an answer.
func TestForgetEndsRetries(t *testing.T) {
	t.Parallel()
	r := startRegistry(t, registry.Options{})
	reference, digest := push(t, r, "app:1", registry.Image())
	r.Fault(status(http.StatusInternalServerError, nil))
	c := newClock()
	b := start(t, image.Options{Clock: c}, r)
	want := wanting(reference)
	for _, end := range map[string]func(){"forget": func() { b.Forget(shop) }, "made": func() { b.made(shop) }} {
		r.Reset()
		b.begin(shop, want)
		b.eventually("the request", func() bool { return r.Count(registry.OfKind(registry.Manifest)) == 1 })
		b.fails(c)
		end()
		c.Step(time.Hour)
		if c.HasWaiters() {
			t.Error("R23 a retry is still scheduled")
		}
	}
	heal(t, r)
	wantDigest(t, b.resolve(shop, reference), digest)
	if n := r.Count(asks("app", registry.Manifest, http.MethodGet)); n != 2 {
		t.Errorf("R23 the manifest was requested %d times, want once before and once after", n)
	}
}

// goroutines returns the stack traces of goroutines that run code of the package.
func goroutines() []string {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var found []string
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "/internal/image.") {
			found = append(found, stack)
		}
	}
	return found
}

// When the operator stops, all its goroutines end. This test runs before the parallel ones.
func TestEnds(t *testing.T) {
	f := newFront(t, nil, false, hangs)
	b := start(t, image.Options{Clock: newClock(), Timeout: forever, Registries: image.Registries{PlainHTTP: []string{f.host()}}}, open)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.Start(ctx, func(types.NamespacedName) {})
	reference, _ := push(t, open, "ends:1", registry.Image())
	b.begin(shop, wanting(reference))
	for stack, want := range many(8, f.host()) {
		b.begin(stack, want)
	}
	b.eventually("requests", func() bool { return len(f.requests()) > 0 && len(b.results()) == 1 })
	if len(goroutines()) == 0 {
		t.Fatal("no goroutine runs code of the package, or this test does not find it")
	}
	cancel()
	if !within(patience, func() bool { return len(goroutines()) == 0 }) {
		t.Errorf("R23 these goroutines still run:\n%s", strings.Join(goroutines(), "\n\n"))
	}
	if n := len(f.requests()); n > 8 {
		t.Errorf("R23 %d requests arrived, want at most 8", n)
	}
}

// Concurrent reconciles of many stacks, failing and successful look-ups, and deleted stacks,
// for the race detector.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	const controllers, stacks = 4, 5
	codes := []int{http.StatusUnauthorized, http.StatusServiceUnavailable, http.StatusOK, http.StatusUnauthorized, http.StatusNotFound}
	var mu sync.Mutex
	var n int
	f := newFront(t, open, false, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		mu.Lock()
		n++
		code := codes[n%len(codes)]
		mu.Unlock()
		if code == http.StatusOK {
			return false
		}
		w.WriteHeader(code)
		return true
	})
	_, digest := push(t, open, "at-once:1", registry.Image())
	b := start(t, image.Options{Wait: 700 * time.Millisecond, Registries: image.Registries{PlainHTTP: []string{f.host()}}})
	var working sync.WaitGroup
	for controller := range controllers {
		working.Go(func() {
			for i := range stacks {
				stack := types.NamespacedName{Namespace: fmt.Sprint(controller), Name: fmt.Sprint(i)}
				want := wanting(f.host()+"/at-once:1", fmt.Sprintf("%s/at-once@%s", f.host(), digest))
				if i%5 == 4 {
					b.look(stack, want)
					b.Forget(stack)
					continue
				}
				for _, found := range b.release(stack, want).Images {
					if found.Unresolved == nil && found.Digest != digest {
						t.Errorf("R21 the digest is %q", found.Digest)
					}
				}
				b.made(stack)
			}
		})
	}
	working.Wait()
}
