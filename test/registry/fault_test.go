// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/appstack-dev/appstack/test/registry"
)

// always injects a fault for every request.
func always(fault registry.Fault) func(registry.Request) registry.Fault {
	return func(registry.Request) registry.Fault { return fault }
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, options := range []registry.Options{{}, {TLS: true}} {
		name, scheme, way := "plain", "http", &http.Transport{}
		r := start(t, options)
		if options.TLS {
			name, scheme, way = "TLS", "https", trusting(r)
		}
		t.Cleanup(way.CloseIdleConnections)
		c := client{r: r, way: way, digest: push(t, r, "1", registry.Image())}
		c.address = scheme + "://" + r.Host() + "/v2/app/manifests/1"
		for _, test := range []struct {
			name string
			run  func(client)
		}{
			{"hang", client.hangs},
			{"hang until healed", client.hangsUntilHealed},
			{"refuse", client.refuses},
			{"refuse from a request on", client.refusesLater},
			{"status", client.answersStatus},
			{"truncate", client.truncates},
			{"wrong digest", client.givesWrongDigest},
			{"slow", client.isSlow},
			{"chosen", client.chooses},
		} {
			t.Run(name+"/"+test.name, func(t *testing.T) {
				c := c
				c.t = t
				test.run(c)
				if err := r.Recover(); err != nil {
					t.Fatal(err)
				}
				answer := c.get()
				if got := digestOf(t, answer.body); got != c.digest {
					t.Errorf("healed, the door gives %s, not %s", got, c.digest)
				}
			})
		}
	}
}

// client reads the manifest of an image.
type client struct {
	t       *testing.T
	r       *registry.Registry
	way     *http.Transport
	address string
	digest  string
}

// get reads it without an error.
func (c client) get() response {
	c.t.Helper()
	answer, err := c.try(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return answer
}

func (c client) try(ctx context.Context) (response, error) {
	return get(ctx, c.way, c.address, string(types.OCIManifestSchema1))
}

func (c client) hangs() {
	c.r.Fault(always(registry.Hang()))
	ctx, cancel := context.WithTimeout(c.t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.try(ctx); !errors.Is(err, context.DeadlineExceeded) {
		c.t.Errorf("got %v", err)
	}
}

func (c client) hangsUntilHealed() {
	arrived := make(chan struct{})
	c.r.Fault(func(registry.Request) registry.Fault {
		close(arrived)
		return registry.Hang()
	})
	// A new connection: on a used one the client would retry.
	c.way = c.way.Clone()
	defer c.way.CloseIdleConnections()
	failed := make(chan error, 1)
	go func() {
		_, err := c.try(c.t.Context())
		failed <- err
	}()
	<-arrived
	if err := c.r.Recover(); err != nil {
		c.t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, io.EOF) {
		c.t.Errorf("got %v", err)
	}
}

func (c client) refuses() {
	c.get() // so that there is a connection, which must not help
	c.r.Refuse()
	c.r.Refuse()
	if _, err := c.try(c.t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
		c.t.Errorf("got %v", err)
	}
}

func (c client) refusesLater() {
	c.get()
	c.r.Fault(always(registry.Refuse()))
	// This connection is closed: on a used connection the client would retry.
	_, err := c.try(c.t.Context())
	if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, io.EOF) {
		c.t.Errorf("got %v", err)
	}
	if _, err := c.try(c.t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
		c.t.Errorf("got %v", err)
	}
}

func (c client) answersStatus() {
	for code, name := range map[int]string{
		http.StatusUnauthorized:        "UNAUTHORIZED",
		http.StatusNotFound:            "MANIFEST_UNKNOWN",
		http.StatusTooManyRequests:     "TOOMANYREQUESTS",
		http.StatusInternalServerError: "UNKNOWN",
	} {
		c.r.Fault(always(registry.Status(code, http.Header{"Retry-After": {"7"}})))
		answer := c.get()
		if answer.StatusCode != code || answer.Header.Get("Retry-After") != "7" {
			c.t.Errorf("got %s with %v, not %d", answer.Status, answer.Header, code)
		}
		body := struct {
			Errors []struct{ Code, Message string }
		}{}
		if err := json.Unmarshal(answer.body, &body); err != nil {
			c.t.Fatal(err)
		}
		if len(body.Errors) != 1 || body.Errors[0].Code != name || body.Errors[0].Message == "" {
			c.t.Errorf("status %d says %s", code, answer.body)
		}
	}
}

func (c client) truncates() {
	whole := len(c.get().body)
	c.r.Fault(always(registry.Truncate()))
	answer, err := c.try(c.t.Context())
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		c.t.Fatalf("got %v", err)
	}
	if answer.ContentLength != int64(whole) || len(answer.body) != whole/2 {
		c.t.Errorf("got %d bytes of %d promised, of %d that there are", len(answer.body), answer.ContentLength, whole)
	}
}

func (c client) givesWrongDigest() {
	c.r.Fault(always(registry.WrongDigest()))
	answer := c.get()
	if got := answer.Header.Get("Docker-Content-Digest"); got != c.digest {
		c.t.Errorf("the header says %s, not %s", got, c.digest)
	}
	if got := digestOf(c.t, answer.body); got == c.digest {
		c.t.Error("the body has the right digest")
	}
	manifest := v1.Manifest{}
	if err := json.Unmarshal(answer.body, &manifest); err != nil || len(manifest.Layers) != 1 {
		c.t.Errorf("the body is no manifest: %s: %v", answer.body, err)
	}
}

func (c client) isSlow() {
	const wait = 50 * time.Millisecond
	c.r.Fault(always(registry.Slow(wait)))
	begun := time.Now()
	if got := digestOf(c.t, c.get().body); got != c.digest {
		c.t.Errorf("got %s, not %s", got, c.digest)
	}
	if took := time.Since(begun); took < wait {
		c.t.Errorf("it took %s only", took)
	}
}

// A fault may depend on the request and on earlier ones.
func (c client) chooses() {
	c.r.Reset()
	var manifests atomic.Int32
	c.r.Fault(func(request registry.Request) registry.Fault {
		if request.Kind != registry.Manifest || manifests.Add(1) > 1 {
			return nil
		}
		return registry.Status(http.StatusInternalServerError, nil)
	})
	for _, code := range []int{http.StatusInternalServerError, http.StatusOK} {
		if answer := c.get(); answer.StatusCode != code {
			c.t.Errorf("got %s, not %d", answer.Status, code)
		}
	}
	if n := c.r.Count(registry.OfKind(registry.Manifest)); n != 2 {
		c.t.Errorf("counted %d: %v", n, c.r.Requests())
	}
}
