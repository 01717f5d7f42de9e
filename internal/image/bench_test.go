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

	"github.com/appstack-dev/appstack/internal/grant"
	"github.com/appstack-dev/appstack/internal/model"
)

// patience is the timeout for events that should happen immediately.
const patience = 10 * time.Second

var (
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	shop = types.NamespacedName{Namespace: "default", Name: "shop"}
	blog = types.NamespacedName{Namespace: "default", Name: "blog"}
)

// fakeClock only advances when stepped. Unlike the clock that it embeds, it runs callbacks after
// the time is set, since the Resolver reads the time in them.
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

// Step advances the time. When it returns, all callbacks that were due have started.
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

// server is a fake registry without a network.
type server func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (s server) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

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

// tiny returns the manifest and the config of an image with this user.
func tiny(user string) (manifest, config []byte) {
	config = fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","config":{"User":%q}}`, user)
	manifest = fmt.Appendf(nil, `{"schemaVersion":2,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`,
		ggcrtypes.OCIConfigJSON, digestOf(config), len(config))
	return manifest, config
}

// errRefused is the error of a connection to a server that is down.
var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// bench is a running Resolver, with a registry that serves one image in all repositories and under
// all tags.
type bench struct {
	*Resolver
	t     *testing.T
	clock *fakeClock

	mu       sync.Mutex
	user     string // user in the image's config
	code     int    // status returned instead of the image, if not 0
	down     bool
	came     int      // requests of all kinds
	paths    []string // requests for manifests, with the method
	results  []string // results of look-ups
	changed  chan types.NamespacedName
	released chan struct{} // if not nil, requests wait for it
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
	if options.Granter == nil {
		options.Granter = &grant.Granter{Identity: func(context.Context) (string, error) { return "jane", nil }}
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

// fails makes the registry answer with the code from now on; 0 makes it serve the image again.
func (b *bench) fails(code int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.code = code
}

// asked returns the requests for manifests so far.
func (b *bench) asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.paths...)
}

// ended returns the results of look-ups so far.
func (b *bench) ended() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.results...)
}

// idle waits until no look-up is queued or running: each has ended or waits for its retry.
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

// look reconciles the stack once.
func (b *bench) look(stack types.NamespacedName, want model.Questions) model.Answers {
	b.t.Helper()
	return b.Answer(b.t.Context(), stack, want)
}

// waits reconciles the stack and checks that it has to wait.
func (b *bench) waits(stack types.NamespacedName, want model.Questions) model.Answers {
	b.t.Helper()
	images := b.look(stack, want)
	if images.Waiting == "" {
		b.t.Fatalf("%s does not wait: %+v", stack, images.Images)
	}
	return images
}

// known reconciles the stack, checks that all images are known, and returns the first.
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

// wanting returns the questions of a release with these images, for pods without credentials.
func wanting(references ...string) model.Questions {
	want := model.Questions{Release: "1"}
	for _, reference := range references {
		want.Images = append(want.Images, model.ImageRequest{Reference: reference})
	}
	return want
}

// wantUser checks that the image is the one that the registry served when it had this user.
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
