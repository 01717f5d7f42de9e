// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package images

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/test/registry"
)

// tooLarge exceeds the limit for any answer.
const tooLarge = 4<<20 + 1

// padded returns the content, padded with spaces to the size.
func padded(content string, size int) []byte {
	return append(bytes.Repeat([]byte{' '}, size-len(content)), content...)
}

// Plain HTTP is used only with registries that are allowed by name, not even for /v2/.
func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	f := newFront(t, open, false, nil)
	_, digest := push(t, open, "plain:1", registry.Image())
	reference := f.host() + "/plain:1"

	c := newClock()
	others := image.Registries{PlainHTTP: []string{"127.0.0.1", "localhost", open.Host()}}
	b := start(t, image.Options{Clock: c, Registries: others})
	wantUnresolved(t, b.givesUp(c, reference), v1alpha1.ReasonRegistryUnavailable, reference+": ", "--registry-plain-http")
	if requests := f.requests(); len(requests) > 0 {
		t.Errorf("R23 the registry got %d requests without TLS", len(requests))
	}

	b = start(t, image.Options{Registries: image.Registries{PlainHTTP: []string{f.host()}}})
	wantDigest(t, b.resolve(shop, reference), digest)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	repository := fresh("tls")
	reference, digest := push(t, secure, repository+":1", registry.Image())
	for name, options := range map[string]image.Registries{
		"R23 an unknown authority":                        {},
		"R23 an unknown authority, and another one known": {CA: newFront(t, nil, true, nil).authority()},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			b := start(t, image.Options{Clock: c, Registries: options})
			wantUnresolved(t, b.givesUp(c, reference), v1alpha1.ReasonRegistryUnavailable, reference+": ", "--registry-ca-file")
		})
	}
	b := start(t, image.Options{Registries: image.Registries{CA: secure.CA()}})
	wantDigest(t, b.resolve(shop, reference), digest)
	if n := secure.Count(asks(repository, registry.Manifest, http.MethodGet)); n != 1 {
		t.Errorf("R23 the manifest was requested %d times, want once, with the trusted CA", n)
	}
}

// For addresses such as 127.0.0.1 and 10.0.0.5 the message must not suggest plain HTTP: the
// cause is another one.
func TestRefusedWithTLS(t *testing.T) {
	t.Parallel()
	f := newFront(t, nil, true, nil)
	f.Close()
	c := newClock()
	b := start(t, image.Options{Clock: c})
	reference := f.host() + "/app:1"
	wantUnresolved(t, b.givesUp(c, reference), v1alpha1.ReasonRegistryUnavailable, reference+": ", "refuses connections")
}

// Answers that no registry gives are no image, and messages show none of their content.
func TestOddAnswers(t *testing.T) {
	t.Parallel()
	page := []byte("<html>" + secret + "</html>")
	large := bytes.Repeat([]byte(secret), 4000)
	manifests := func(answer func(http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			answer(w)
			return true
		}
	}
	code := func(code int, contentType string, content []byte) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(code)
			_, _ = w.Write(content) // the client may have disconnected
		}
	}
	wrong := fmt.Appendf(nil, `{"errors":[{"code":%q,"message":%q,"detail":%q}]}`, secret, secret, secret)
	// messages are stored in the stack's status, whose fields are limited
	const longest = 1024
	for name, test := range map[string]struct {
		handle  func(http.ResponseWriter, *http.Request) bool
		reason  []string
		message string
	}{
		"R23 a page for whatever is asked": {
			// as a captive portal or a proxy with a login page does
			func(w http.ResponseWriter, _ *http.Request) bool { says(w, "text/html", page); return true },
			[]string{v1alpha1.ReasonRegistryUnavailable, v1alpha1.ReasonImageDamaged}, "",
		},
		"R23 a page instead of a manifest": {
			manifests(code(http.StatusOK, "text/html; charset=utf-8", page)),
			[]string{v1alpha1.ReasonRegistryUnavailable, v1alpha1.ReasonImageDamaged}, "",
		},
		"R23 a page that says it is a manifest": {
			manifests(code(http.StatusOK, string(types.OCIManifestSchema1), page)),
			[]string{v1alpha1.ReasonImageDamaged}, "a manifest that cannot be read",
		},
		"R23 a page that says it is an index": {
			manifests(code(http.StatusOK, string(types.OCIImageIndex), page)),
			[]string{v1alpha1.ReasonImageDamaged}, "an index that cannot be read",
		},
		"R23 an empty manifest": {
			manifests(code(http.StatusOK, string(types.OCIManifestSchema1), nil)),
			[]string{v1alpha1.ReasonImageDamaged}, "a manifest that cannot be read",
		},
		"R23 a page that says something is wrong": {
			manifests(code(http.StatusBadGateway, "text/html", page)),
			[]string{v1alpha1.ReasonRegistryUnavailable}, "answers 502 Bad Gateway",
		},
		"R23 a status that nobody knows": {
			manifests(code(599, "text/html", page)), []string{v1alpha1.ReasonRegistryUnavailable}, "answers 599",
		},
		"R23 an error that is no code": {
			manifests(code(http.StatusInternalServerError, "application/json", wrong)),
			[]string{v1alpha1.ReasonRegistryUnavailable}, "answers 500 Internal Server Error",
		},
		"R23 a long page that says it is forbidden": {
			manifests(code(http.StatusForbidden, "text/html", large)),
			[]string{v1alpha1.ReasonImageUnauthorized}, "answers 403 Forbidden",
		},
		"R23 a long page that says it is not there": {
			manifests(code(http.StatusNotFound, "text/html", large)), []string{v1alpha1.ReasonImageNotFound}, "answers 404 Not Found",
		},
		"R23 nothing at all": {
			manifests(func(http.ResponseWriter) { panic(http.ErrAbortHandler) }),
			[]string{v1alpha1.ReasonRegistryUnavailable}, "",
		},
		"R23 an answer that stops": {
			func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/manifests/") {
					return false
				}
				says(w, string(types.OCIManifestSchema1), []byte(`{"schemaVersion":2,`))
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
				return true
			},
			[]string{v1alpha1.ReasonRegistryUnavailable}, "does not answer in time",
		},
		"R23 a digest that is none": {
			manifests(func(w http.ResponseWriter) {
				w.Header().Set("Docker-Content-Digest", strings.Repeat(secret, 2000))
				says(w, string(types.OCIManifestSchema1), []byte(`{"schemaVersion":2}`))
			}),
			[]string{v1alpha1.ReasonImageDamaged}, "",
		},
		"R23 a manifest that is too large": {
			manifests(code(http.StatusOK, string(types.OCIManifestSchema1), padded(`{"schemaVersion":2}`, tooLarge))),
			[]string{v1alpha1.ReasonImageDamaged}, "answers with more than ",
		},
		"R23 a manifest without an end": {
			manifests(func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", string(types.OCIImageIndex))
				for range 64 {
					if _, err := w.Write(bytes.Repeat([]byte{' '}, 1<<20)); err != nil {
						return
					}
				}
			}),
			[]string{v1alpha1.ReasonImageDamaged}, "answers with more than ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t, open, false, test.handle)
			c := newClock()
			plain := image.Registries{PlainHTTP: []string{f.host()}}
			b := start(t, image.Options{Clock: c, Timeout: 2 * time.Second, Registries: plain})
			reference := f.host() + "/odd:1"
			want := wanting(reference)
			b.look(shop, want)
			b.eventually("the look-up", func() bool { return len(b.results()) > 0 && (c.HasWaiters() || b.results()[0] == "Pinned") })
			// one look-up makes one request, which clients repeat after a broken connection
			asked := 0
			for _, request := range f.requests() {
				if request.Method == http.MethodGet && strings.Contains(request.URL.Path, "/manifests/") {
					asked++
				}
			}
			if asked > 2 {
				t.Errorf("one look-up made %d manifest requests", asked)
			}
			c.Step(imageWait)
			found := the(t, b.look(shop, want), want.Images[0])
			b.made(shop)
			if found.Unresolved == nil {
				t.Fatalf("resolved: %+v", found)
			}
			if n := len(found.Unresolved.Message); n > longest {
				t.Errorf("the message has %d bytes, which is too long", n)
				found.Unresolved.Message = found.Unresolved.Message[:longest] // it is printed below
			}
			reason := found.Unresolved.Reason
			if !slices.Contains(test.reason, reason) {
				t.Errorf("the reason is %s, want %v", reason, test.reason)
			}
			wantUnresolved(t, found, reason, reference+": ", test.message)
		})
	}
}

// The size of a config is limited even if it is valid.
func TestLargeConfig(t *testing.T) {
	t.Parallel()
	const config = `{"os":"linux","architecture":"amd64","config":{"User":"1000"}}`
	reference, digest := push(t, open, "large:1", registry.RawImage(padded(config, 256<<10), registry.OCITypes))
	found := start(t, image.Options{}, open).resolve(shop, reference)
	wantDigest(t, found, digest)
	if got := user(found); got != "1000" {
		t.Errorf("R21 the user in the config is %s, want 1000", got)
	}

	reference, _ = push(t, open, "large:2", registry.RawImage(padded(config, tooLarge), registry.OCITypes))
	c := newClock()
	b := start(t, image.Options{Clock: c}, open)
	wantUnresolved(t, b.givesUp(c, reference), v1alpha1.ReasonImageDamaged, "answers with more than ")
}

// A registry may redirect the operator, but not to plain HTTP.
func TestRedirectToPlainHTTP(t *testing.T) {
	t.Parallel()
	push(t, open, "redirected:1", registry.Image())
	for _, tls := range []bool{true, false} {
		for what, path := range map[string]string{"registry": "/v2/", "manifest": "/manifests/1", "config": "/blobs/"} {
			t.Run(fmt.Sprintf("R23 of the %s, with TLS %t", what, tls), func(t *testing.T) {
				t.Parallel()
				elsewhere := newFront(t, open, false, nil)
				f := newFront(t, open, tls, func(w http.ResponseWriter, r *http.Request) bool {
					if what == "registry" && r.URL.Path != path || !strings.Contains(r.URL.Path, path) {
						return false
					}
					http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
					return true
				})
				c := newClock()
				options := image.Options{Clock: c}
				if tls {
					options.CA = f.authority()
				} else {
					options.PlainHTTP = []string{f.host()}
				}
				b := start(t, options)
				found := b.givesUp(c, f.host()+"/redirected:1")
				wantUnresolved(t, found, v1alpha1.ReasonRegistryUnavailable, f.host()+"/redirected:1: ")
				if found.Unresolved == nil {
					return
				}
				if message := found.Unresolved.Message; tls && strings.Contains(message, "does not use TLS") {
					t.Errorf("the message reports a registry with TLS as one without: %s", message)
				}
				if requests := elsewhere.requests(); len(requests) > 0 {
					t.Errorf("the redirect target got a request for %s", requests[0].URL)
				}
				if len(f.requests()) == 0 {
					t.Error("the registry itself got no request")
				}
			})
		}
	}
}

// A redirect loop is abandoned after a few redirects.
func TestRedirectLoop(t *testing.T) {
	t.Parallel()
	f := newFront(t, open, false, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v2/" {
			return false
		}
		http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		return true
	})
	c := newClock()
	plain := image.Registries{PlainHTTP: []string{f.host()}}
	b := start(t, image.Options{Clock: c, Timeout: 500 * time.Millisecond, Registries: plain})
	wantUnresolved(t, b.givesUp(c, f.host()+"/app:1"), v1alpha1.ReasonRegistryUnavailable)
	if n := len(f.requests()); n > 50 {
		t.Errorf("R23 one look-up made %d requests", n)
	}
}
