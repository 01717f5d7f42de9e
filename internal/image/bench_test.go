// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	ggcrtypes "github.com/google/go-containerregistry/pkg/v1/types"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/appstack-dev/appstack/internal/model"
)

// patience is how long a test waits for what is to happen at once.
const patience = 10 * time.Second

var (
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	shop = types.NamespacedName{Namespace: "default", Name: "shop"}
	blog = types.NamespacedName{Namespace: "default", Name: "blog"}
)

// fakeClock stands still until it is told to go on. Unlike the one that it is made
// of it calls back once the time is set: the Resolver asks for the time then.
type fakeClock struct {
	*clocktesting.FakeClock
	mu  sync.Mutex
	due []func()
}

// AfterFunc implements clock.WithDelayedExecution.
func (c *fakeClock) AfterFunc(d time.Duration, f func()) clock.Timer {
	return c.FakeClock.AfterFunc(d, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.due = append(c.due, f)
	})
}

// Step lets time pass. What was to happen meanwhile has begun when it returns.
func (c *fakeClock) Step(d time.Duration) {
	c.FakeClock.Step(d)
	c.mu.Lock()
	due := c.due
	c.due = nil
	c.mu.Unlock()
	for _, f := range due {
		f()
	}
}

// server answers what registries are asked, without a network.
type server func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (s server) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

// answer is one with the content.
func answer(r *http.Request, code int, contentType string, content []byte) *http.Response {
	if r.Method == http.MethodHead {
		content = nil
	}
	return &http.Response{
		StatusCode: code, Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {contentType}},
		Body:          io.NopCloser(strings.NewReader(string(content))),
		ContentLength: int64(len(content)),
	}
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// tiny is an image whose config says the user: its manifest and the config.
func tiny(user string) (manifest, config []byte) {
	config = fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","config":{"User":%q}}`, user)
	manifest = fmt.Appendf(nil, `{"schemaVersion":2,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`,
		ggcrtypes.OCIConfigJSON, digestOf(config), len(config))
	return manifest, config
}

// errRefused is how connections to servers end that are down.
var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// bench is a Resolver that runs, with a registry that has one image in all
// repositories and under all tags.
type bench struct {
	*Resolver
	t     *testing.T
	clock *fakeClock

	mu       sync.Mutex
	user     string // of the image
	code     int    // what is answered instead of the image, where that is not 0
	down     bool
	came     int      // requests of all kinds
	paths    []string // of requests for manifests, with the method
	results  []string // how look-ups ended
	changed  chan types.NamespacedName
	released chan struct{} // requests wait for it, where it is not nil
}

func start(t *testing.T, options Options) *bench {
	t.Helper()
	b := &bench{
		t:       t,
		clock:   &fakeClock{FakeClock: clocktesting.NewFakeClock(noon)},
		user:    "1000",
		changed: make(chan types.NamespacedName, 10000),
	}
	options.Clock = b.clock
	if options.Live == nil {
		options.Live = fake.NewClientBuilder().Build()
	}
	if options.Identity == nil {
		options.Identity = func(context.Context) (string, error) { return "jane", nil }
	}
	options.Took = func(result string, _ time.Duration) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.results = append(b.results, result)
	}
	resolver, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	resolver.registry.transport = server(b.serve)
	b.Resolver = resolver
	b.Start(t.Context(), func(stack types.NamespacedName) { b.changed <- stack })
	return b
}

func (b *bench) serve(r *http.Request) (*http.Response, error) {
	isManifest := strings.Contains(r.URL.Path, "/manifests/")
	b.mu.Lock()
	manifest, config := tiny(b.user)
	code, released := b.code, b.released
	b.came++
	if isManifest {
		b.paths = append(b.paths, r.Method+" "+r.URL.Path)
	}
	b.mu.Unlock()
	if released != nil {
		select {
		case <-released:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	b.mu.Lock()
	down := b.down
	b.mu.Unlock()
	switch {
	case down:
		return nil, errRefused
	case !isManifest && strings.Contains(r.URL.Path, "/blobs/"):
		return answer(r, http.StatusOK, "application/octet-stream", config), nil
	case !isManifest:
		return answer(r, http.StatusOK, "application/json", []byte("{}")), nil
	case code != 0:
		return answer(r, code, "application/json", nil), nil
	}
	response := answer(r, http.StatusOK, string(ggcrtypes.OCIManifestSchema1), manifest)
	response.Header.Set("Docker-Content-Digest", digestOf(manifest))
	response.ContentLength = int64(len(manifest))
	return response, nil
}

// fails has the registry answer with the code from now on; 0 makes it well.
func (b *bench) fails(code int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.code = code
}

// asked are the requests for manifests so far.
func (b *bench) asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.paths...)
}

// ended are the results of look-ups so far.
func (b *bench) ended() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.results...)
}

// idle waits until no look-up is queued or under way: each has ended, or waits for its retry.
func (b *bench) idle() {
	b.t.Helper()
	b.eventually("the end of look-ups", func() bool {
		b.Resolver.mu.Lock()
		defer b.Resolver.mu.Unlock()
		return b.queue.running == 0 && len(b.queue.turns) == 0
	})
}

func (b *bench) eventually(what string, so func() bool) {
	b.t.Helper()
	deadline := time.After(patience)
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !so() {
		select {
		case <-deadline:
			b.t.Fatalf("%s did not come within %s", what, patience)
		case <-ticker.C:
		}
	}
}

// look makes a pass for the stack.
func (b *bench) look(stack types.NamespacedName, want model.Questions) model.Answers {
	b.t.Helper()
	return b.Answer(b.t.Context(), stack, want)
}

// waits makes a pass after which the stack waits.
func (b *bench) waits(stack types.NamespacedName, want model.Questions) model.Answers {
	b.t.Helper()
	images := b.look(stack, want)
	if images.Waiting == "" {
		b.t.Fatalf("%s does not wait: %+v", stack, images.Images)
	}
	return images
}

// known makes a pass after which all is known, and returns the first.
func (b *bench) known(stack types.NamespacedName, want model.Questions) model.Image {
	b.t.Helper()
	images := b.look(stack, want)
	if images.Waiting != "" {
		b.t.Fatalf("%s waits for %s", stack, images.Waiting)
	}
	found, ok := images.Images[want.Images[0]]
	if !ok {
		b.t.Fatalf("nothing is known of %+v", want.Images[0])
	}
	return found
}

// wanting is a release of images whose pods have no credentials of their own.
func wanting(references ...string) model.Questions {
	want := model.Questions{Release: "1"}
	for _, reference := range references {
		want.Images = append(want.Images, model.ImageRequest{Reference: reference})
	}
	return want
}

// wantUser wants the image that the registry had when its user was that.
func wantUser(t *testing.T, found model.Image, user string) {
	t.Helper()
	manifest, _ := tiny(user)
	switch {
	case found.Unresolved != nil:
		t.Errorf("unresolved: %+v", *found.Unresolved)
	case found.Digest != digestOf(manifest):
		t.Errorf("the digest is %s, want that of user %s", found.Digest, user)
	case found.Config == nil || found.Config.User != user:
		t.Errorf("the config is %+v, want that of user %s", found.Config, user)
	}
}

func wantReason(t *testing.T, found model.Image, reason string) {
	t.Helper()
	if found.Unresolved == nil {
		t.Errorf("resolved: %+v, want %s", found, reason)
	} else if found.Unresolved.Reason != reason {
		t.Errorf("the reason is %+v, want %s", *found.Unresolved, reason)
	}
}
