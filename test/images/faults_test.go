// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package images

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/test/registry"
)

// status returns a fault for every manifest request.
func status(code int, header http.Header) func(registry.Request) registry.Fault {
	return of(registry.OfKind(registry.Manifest), registry.Status(code, header))
}

// Each fault has its own reason and message.
func TestFaults(t *testing.T) {
	t.Parallel()
	r := startRegistry(t, registry.Options{})
	manifest, blob := registry.OfKind(registry.Manifest), registry.OfKind(registry.Blob)
	for name, test := range map[string]struct {
		fault   func(registry.Request) registry.Fault
		reason  string
		message string
	}{
		"R23 it refuses connections": {
			reason: v1alpha1.ReasonRegistryUnavailable, message: "refuses connections",
		},
		"R23 it hangs": {
			fault: always(registry.Hang()), reason: v1alpha1.ReasonRegistryUnavailable, message: "does not answer in time",
		},
		"R23 it hangs later": {
			fault: of(blob, registry.Hang()), reason: v1alpha1.ReasonRegistryUnavailable, message: "does not answer in time",
		},
		"R23 it has no such image": {
			fault: status(http.StatusNotFound, nil), reason: v1alpha1.ReasonImageNotFound,
			message: "answers 404 Not Found (MANIFEST_UNKNOWN)",
		},
		"R23 it has no such config": {
			fault: of(blob, registry.Status(http.StatusNotFound, nil)), reason: v1alpha1.ReasonImageNotFound,
			message: "answers 404 Not Found (BLOB_UNKNOWN)",
		},
		"R23 it limits requests": {
			fault: status(http.StatusTooManyRequests, nil), reason: v1alpha1.ReasonImageTooManyRequests,
			message: "answers 429 Too Many Requests (TOOMANYREQUESTS)",
		},
		"R23 it limits requests from the first on": {
			fault: always(registry.Status(http.StatusTooManyRequests, nil)), reason: v1alpha1.ReasonImageTooManyRequests,
			message: "answers 429 Too Many Requests (TOOMANYREQUESTS)",
		},
		"R23 it fails": {
			fault: status(http.StatusInternalServerError, nil), reason: v1alpha1.ReasonRegistryUnavailable,
			message: "answers 500 Internal Server Error (UNKNOWN)",
		},
		"R23 it is overloaded": {
			fault: always(registry.Status(http.StatusServiceUnavailable, nil)), reason: v1alpha1.ReasonRegistryUnavailable,
			message: "answers 503 Service Unavailable (UNKNOWN)",
		},
		"R23 it wants credentials": {
			fault: status(http.StatusUnauthorized, nil), reason: v1alpha1.ReasonImageUnauthorized,
			message: "answers 401 Unauthorized (UNAUTHORIZED)",
		},
		"R23 it denies": {
			fault: status(http.StatusForbidden, nil), reason: v1alpha1.ReasonImageUnauthorized,
			message: "answers 403 Forbidden (DENIED)",
		},
		"R23 it sends half of the manifest": {
			fault: of(manifest, registry.Truncate()), reason: v1alpha1.ReasonImageDamaged, message: "sends an incomplete answer",
		},
		"R23 it sends half of the config": {
			fault: of(blob, registry.Truncate()), reason: v1alpha1.ReasonImageDamaged, message: "sends an incomplete answer",
		},
		"R23 it sends another config": {
			fault: of(blob, registry.WrongDigest()), reason: v1alpha1.ReasonImageDamaged,
			message: "that does not match the digest",
		},
	} {
		t.Run(name, func(t *testing.T) {
			repository := tagOf(strings.ToLower(name))
			tagged, digest := push(t, r, repository+":1", registry.Image(registry.Marker(name)))
			for kind, reference := range map[string]string{"by tag": tagged, "by digest": r.Host() + "/" + repository + "@" + digest} {
				t.Run(kind, func(t *testing.T) {
					defer heal(t, r)
					c := newClock()
					b := start(t, image.Options{Clock: c, Wait: imageWait, Timeout: 400 * time.Millisecond}, r)
					want := wanting(reference)
					r.Reset()
					if test.fault != nil {
						r.Fault(test.fault)
					} else {
						r.Refuse()
					}
					images := b.begin(shop, want)
					if images.Wait <= 0 || images.Wait > imageWait {
						t.Errorf("the release waits %s, want more than 0 and at most %s", images.Wait, imageWait)
					}
					b.fails(c)
					if n := r.Count(asks(repository, registry.Manifest, http.MethodGet)); n > 1 {
						t.Errorf("one look-up made %d manifest requests: %v", n, r.Requests())
					}
					c.Step(imageWait)
					found := the(t, b.look(shop, want), want.Images[0])
					wantUnresolved(t, found, test.reason, reference+": ", test.message)
					for _, word := range []string{"fault of the test", "requested digest", "http://"} {
						if found.Unresolved != nil && strings.Contains(found.Unresolved.Message, word) {
							t.Errorf("the message shows internal or foreign text: %s", found.Unresolved.Message)
						}
					}
					b.made(shop)
				})
			}
		})
	}
}

// A manifest whose digest differs from that of the header or the reference is damaged: nodes
// could not pull it by its digest, and would get it by the other one.
func TestAnotherManifest(t *testing.T) {
	t.Parallel()
	r := startRegistry(t, registry.Options{})
	tagged, digest := push(t, r, "app:1", registry.Image())
	r.Fault(of(registry.OfKind(registry.Manifest), registry.WrongDigest()))
	for name, test := range map[string]struct{ reference, message string }{
		"R21 by tag":    {tagged, "answers with a manifest of digest sha256:"},
		"R21 by digest": {r.Host() + "/app@" + digest, "that does not match the digest"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			b := start(t, image.Options{Clock: c}, r)
			wantUnresolved(t, b.givesUp(c, test.reference), v1alpha1.ReasonImageDamaged,
				test.reference+": ", test.message)
		})
	}
}

// A waiting stack is woken once the registry has recovered.
func TestHeals(t *testing.T) {
	t.Parallel()
	r := startRegistry(t, registry.Options{})
	manifest, blob := registry.OfKind(registry.Manifest), registry.OfKind(registry.Blob)
	for name, fault := range map[string]func(registry.Request) registry.Fault{
		"R23 refused":       nil,
		"R23 silent":        always(registry.Hang()),
		"R23 no such image": status(http.StatusNotFound, nil),
		"R23 limited":       status(http.StatusTooManyRequests, nil),
		"R23 failed":        status(http.StatusInternalServerError, nil),
		"R23 overloaded":    always(registry.Status(http.StatusServiceUnavailable, nil)),
		"R23 unauthorized":  status(http.StatusUnauthorized, nil),
		"R23 cut short":     of(manifest, registry.Truncate()),
		"R23 wrong":         of(manifest, registry.WrongDigest()),
		"R23 wrong config":  of(blob, registry.WrongDigest()),
	} {
		t.Run(name, func(t *testing.T) {
			defer heal(t, r)
			c := newClock()
			b := start(t, image.Options{Clock: c, Wait: imageWait, Timeout: 400 * time.Millisecond}, r)
			reference, digest := push(t, r, tagOf(strings.ToLower(name))+":1", registry.Image(registry.Marker(name)))
			want := wanting(reference)
			if fault != nil {
				r.Fault(fault)
			} else {
				r.Refuse()
			}
			b.begin(shop, want)
			b.fails(c)
			b.begin(shop, want) // the release still waits

			heal(t, r)
			b.clear(shop)
			c.Step(time.Second) // the first retry comes after half of that
			b.wake(shop)
			wantDigest(t, the(t, b.look(shop, want), want.Images[0]), digest)
		})
	}
}

// No request is made before the registry's Retry-After has passed.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	r := startRegistry(t, registry.Options{})
	reference, digest := push(t, r, "app:1", registry.Image())
	for name, code := range map[string]int{
		"R23 too many requests": http.StatusTooManyRequests,
		"R23 unavailable":       http.StatusServiceUnavailable,
	} {
		t.Run(name, func(t *testing.T) {
			defer heal(t, r)
			c := newClock()
			b := start(t, image.Options{Clock: c, Wait: imageWait}, r)
			want := wanting(reference)
			r.Fault(status(code, http.Header{"Retry-After": {"7"}}))
			b.begin(shop, want)
			b.fails(c)
			heal(t, r)
			r.Reset()

			c.Step(6900 * time.Millisecond)
			if c.Waiters() == 0 {
				t.Error("the retry began before Retry-After had passed")
			}
			b.begin(shop, want) // a reconcile makes no earlier request either
			if n := r.Count(nil); n != 0 {
				t.Errorf("requests were made before Retry-After had passed: %v", r.Requests())
			}
			c.Step(100 * time.Millisecond)
			b.wake(shop)
			wantDigest(t, the(t, b.look(shop, want), want.Images[0]), digest)
		})
	}
}

// Retry-After applies to all requests to the registry, not only to those for one image.
func TestRetryAfterIsForAllImages(t *testing.T) {
	t.Parallel()
	r := startRegistry(t, registry.Options{})
	first, _ := push(t, r, "app:1", registry.Image())
	second, _ := push(t, r, "app:2", registry.Image())
	c := newClock()
	b := start(t, image.Options{Clock: c, Wait: imageWait}, r)
	r.Fault(always(registry.Status(http.StatusTooManyRequests, http.Header{"Retry-After": {"60"}})))
	b.begin(shop, wanting(first))
	b.fails(c)
	r.Reset()
	b.begin(blog, wanting(second))
	if within(300*time.Millisecond, func() bool { return r.Count(nil) > 0 }) {
		t.Errorf("R23 the registry got the requests %v within its Retry-After of one minute", r.Requests())
	}
}

// Once Retry-After has passed, a new release makes a request, regardless of earlier failures.
func TestRetryAfterEnds(t *testing.T) {
	t.Parallel()
	r := startRegistry(t, registry.Options{})
	for name, same := range map[string]bool{"R23 the same image": true, "R23 another image": false} {
		t.Run(name, func(t *testing.T) {
			defer heal(t, r)
			first, digest := push(t, r, "app:1", registry.Image())
			c := newClock()
			b := start(t, image.Options{Clock: c, Wait: imageWait}, r)
			r.Fault(status(http.StatusServiceUnavailable, nil))
			b.begin(shop, wanting(first))
			for range 5 { // so that the next retry is far in the future
				b.fails(c)
				c.Step(time.Minute)
			}
			b.fails(c)
			r.Fault(status(http.StatusTooManyRequests, http.Header{"Retry-After": {"2"}}))
			r.Reset()
			c.Step(time.Minute)
			b.eventually("the next try", func() bool { return r.Count(registry.OfKind(registry.Manifest)) == 1 })
			b.fails(c)
			heal(t, r)

			want := wanting(first)
			if same {
				c.Step(3 * time.Second)
				b.begin(blog, want)
			} else {
				reference, other := push(t, r, "app:2", registry.Image(registry.Marker("other")))
				want, digest = wanting(reference), other
				b.begin(blog, want)
				c.Step(3 * time.Second)
			}
			if !within(time.Second, func() bool { return len(b.wakes(blog)) > 0 }) {
				t.Fatal("no request was made after Retry-After had passed")
			}
			wantDigest(t, the(t, b.look(blog, want), want.Images[0]), digest)
		})
	}
}
