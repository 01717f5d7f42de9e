// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package images

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/test/registry"
)

// forever is longer than any test runs.
const forever = 10 * time.Minute

// A registry that hangs delays only the releases that need it, and only for a bounded time.
func TestHangingRegistry(t *testing.T) {
	t.Parallel()
	const waiters, healthy = 200, 20
	hanging := startRegistry(t, registry.Options{})
	hanging.Fault(always(registry.Hang()))
	c := newClock()
	b := start(t, image.Options{Clock: c, Wait: imageWait, Timeout: forever}, hanging, open)

	waits := map[types.NamespacedName]model.Questions{}
	for i := range waiters {
		stack := types.NamespacedName{Namespace: "default", Name: fmt.Sprint("waits-", i)}
		waits[stack] = wanting(fmt.Sprintf("%s/app:%d", hanging.Host(), i))
		if images := b.begin(stack, waits[stack]); images.Wait != imageWait {
			t.Fatalf("R23 %s waits for %s, want %s", stack, images.Wait, imageWait)
		}
	}
	for i := range healthy {
		stack := types.NamespacedName{Namespace: "default", Name: fmt.Sprint("goes-on-", i)}
		reference, digest := push(t, open, fmt.Sprintf("healthy:%d", i), registry.Image(registry.Marker(fmt.Sprint(i))))
		want := wanting(reference)
		b.begin(stack, want)
		b.wake(stack)
		wantDigest(t, the(t, b.look(stack, want), want.Images[0]), digest)
	}
	// the clock has not advanced: all other releases wait, and none of their look-ups has ended
	if ended := b.results(); len(ended) != healthy {
		t.Errorf("R23 look-ups ended: %v, want those of the healthy registry only", ended)
	}
	if n := hanging.Count(nil); n < 1 || n > 4 {
		t.Errorf("R23 the registry that hangs got %d requests at once, want 1 to 4", n)
	}

	c.Step(imageWait - time.Second)
	for stack, want := range waits {
		if images := b.begin(stack, want); images.Wait != time.Second {
			t.Fatalf("R23 %s waits for %s more, want %s", stack, images.Wait, time.Second)
		}
	}
	c.Step(time.Second)
	for stack, want := range waits {
		found := the(t, b.look(stack, want), want.Images[0])
		wantUnresolved(t, found, v1alpha1.ReasonRegistryUnavailable, "does not answer in time")
		b.made(stack)
	}
}

// Images that resolve are kept although another one hangs.
func TestHangingImage(t *testing.T) {
	t.Parallel()
	hanging := newFront(t, nil, false, hangs)
	reference, digest := push(t, open, "beside:1", registry.Image())
	c := newClock()
	b := start(t, image.Options{
		Clock: c, Wait: imageWait, Timeout: forever, Registries: image.Registries{PlainHTTP: []string{hanging.host()}},
	}, open)
	want := wanting(hanging.host()+"/app:1", reference, "no image")
	b.begin(shop, want)
	b.wake(shop)
	images := b.begin(shop, want)
	if images.Waiting != want.Images[0].Reference {
		t.Errorf("R23 the release waits for %s, want %s", images.Waiting, want.Images[0].Reference)
	}
	wantDigest(t, the(t, images, want.Images[1]), digest)
	wantUnresolved(t, the(t, images, want.Images[2]), v1alpha1.ReasonImageInvalid, `"no image" is no image reference: `)
	c.Step(imageWait)
	images = b.look(shop, want)
	if images.Waiting != "" || images.Wait != 0 {
		t.Errorf("R23 the release still waits for %s, for %s", images.Waiting, images.Wait)
	}
	wantUnresolved(t, the(t, images, want.Images[0]), v1alpha1.ReasonRegistryUnavailable, "does not answer in time")
	wantDigest(t, the(t, images, want.Images[1]), digest)
}

// hangs does not answer until the client disconnects.
func hangs(_ http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// The same with a real clock: the release gives up with the reconcile after the wait.
func TestWaitIsBounded(t *testing.T) {
	t.Parallel()
	const wait = time.Second
	hanging := newFront(t, nil, false, hangs)
	b := start(t, image.Options{Wait: wait, Timeout: forever, Registries: image.Registries{PlainHTTP: []string{hanging.host()}}})
	began := time.Now()
	found := b.resolve(shop, hanging.host()+"/app:1")
	took := time.Since(began)
	wantUnresolved(t, found, v1alpha1.ReasonRegistryUnavailable, "does not answer in time")
	if took < wait || took > patience/2 {
		t.Errorf("R23 the release was held for %s, want %s", took, wait)
	}
}

// Failures during an earlier release do not delay the retries of the next one.
func TestFailuresOfLastReleaseDoNotCount(t *testing.T) {
	t.Parallel()
	r := startRegistry(t, registry.Options{})
	reference, digest := push(t, r, "app:1", registry.Image())
	c := newClock()
	b := start(t, image.Options{Clock: c, Wait: imageWait}, r)
	want := wanting(reference)
	r.Fault(status(http.StatusServiceUnavailable, nil))
	b.begin(shop, want)
	for range 6 {
		b.fails(c)
		c.Step(time.Minute)
	}
	wantUnresolved(t, the(t, b.look(shop, want), want.Images[0]), v1alpha1.ReasonRegistryUnavailable, "503")
	b.made(shop)
	c.Step(8 * time.Hour)

	// the next release sees one failure, then a healthy registry
	ended := len(b.results())
	want.Release = "2"
	b.begin(shop, want)
	b.eventually("a failed look-up", func() bool { return len(b.results()) > ended && c.HasWaiters() })
	heal(t, r)
	b.clear(shop)
	c.Step(imageWait - time.Second)
	if !within(time.Second, func() bool { return len(b.wakes(shop)) > 0 }) {
		t.Errorf("R23 after one failure the registry got no request within %s", imageWait-time.Second)
	}
	c.Step(time.Second)
	wantDigest(t, the(t, b.look(shop, want), want.Images[0]), digest)
}

// A release whose image waits for a later retry reports the last failure, not a timeout.
func TestOthersFailures(t *testing.T) {
	t.Parallel()
	r := startRegistry(t, registry.Options{})
	for name, test := range map[string]struct {
		code   int
		header http.Header
		reason string
	}{
		"R23 too many requests": {http.StatusTooManyRequests, http.Header{"Retry-After": {"60"}}, v1alpha1.ReasonImageTooManyRequests},
		"R23 not found":         {http.StatusNotFound, nil, v1alpha1.ReasonImageNotFound},
		"R23 unauthorized":      {http.StatusUnauthorized, nil, v1alpha1.ReasonImageUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			defer heal(t, r)
			reference, _ := push(t, r, fmt.Sprintf("app:%d", test.code), registry.Image())
			r.Fault(status(test.code, test.header))
			c := newClock()
			b := start(t, image.Options{Clock: c, Wait: imageWait}, r)
			want := wanting(reference)
			b.begin(shop, want)
			for range 5 { // so that the next retry is after the wait of the other stack
				b.fails(c)
				c.Step(20 * time.Second)
			}
			b.fails(c)
			c.Step(time.Millisecond)
			b.begin(blog, want)
			c.Step(imageWait)
			found := the(t, b.look(blog, want), want.Images[0])
			wantUnresolved(t, found, test.reason, fmt.Sprintf("answers %d", test.code))
		})
	}
}
