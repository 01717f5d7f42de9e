// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package images tests how images are looked up, against a real registry and
// what can go wrong on the way to it. The tests play the controller: they look,
// wait until the Resolver wakes the stack or the wait is over, and look again.
package images

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/test/registry"
)

const (
	// patience is how long a test waits for what is to happen at once.
	patience = 20 * time.Second
	// poll is how often it looks whether it did.
	poll = 2 * time.Millisecond
	// imageWait is how long releases wait for their images where the clock stands still.
	imageWait = 10 * time.Second
	// operatorUser is who the operator is to the API server.
	operatorUser = "system:serviceaccount:appstack-system:appstack-controller-manager"
)

var (
	shop = types.NamespacedName{Namespace: "default", Name: "shop"}
	blog = types.NamespacedName{Namespace: "default", Name: "blog"}
)

// The registries that tests share which do them no harm: one for everybody, one
// with users, and one that speaks TLS.
var open, private, secure *registry.Registry

// users are those of private, with their passwords.
var users = map[string]string{"ann": "wonderland", "bob": "builder"}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var starting sync.WaitGroup
	shared := map[**registry.Registry]registry.Options{&open: {}, &private: {Users: users}, &secure: {TLS: true}}
	for into, options := range shared {
		starting.Go(func() {
			started, err := registry.Start(context.Background(), options)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return
			}
			*into = started
		})
	}
	starting.Wait()
	code := 1
	if open != nil && private != nil && secure != nil {
		code = m.Run()
	}
	for into := range shared {
		if *into == nil {
			continue
		}
		if err := (*into).Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

// startRegistry runs a registry until the test ends: one for faults, or to count all of its requests.
func startRegistry(t *testing.T, options registry.Options) *registry.Registry {
	t.Helper()
	r, err := registry.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// push pushes to repository:tag, and returns the reference behind the door and the digest.
func push(t *testing.T, r *registry.Registry, where string, content remote.Taggable) (reference, digest string) {
	t.Helper()
	repository, tag, _ := strings.Cut(where, ":")
	digest, err := r.Push(t.Context(), repository, tag, content)
	if err != nil {
		t.Fatal(err)
	}
	return r.Host() + "/" + where, digest
}

// named counts the repositories that were named.
var named atomic.Int64

// fresh is the name of a repository that nobody asked for before, also when the tests run several times.
func fresh(name string) string { return fmt.Sprintf("%s-%d", name, named.Add(1)) }

func heal(t *testing.T, r *registry.Registry) {
	t.Helper()
	if err := r.Heal(); err != nil {
		t.Fatal(err)
	}
}

// always is a fault of every request.
func always(fault registry.Fault) func(registry.Request) registry.Fault {
	return func(registry.Request) registry.Fault { return fault }
}

// of is a fault of the requests that match.
func of(match func(registry.Request) bool, fault registry.Fault) func(registry.Request) registry.Fault {
	return func(request registry.Request) registry.Fault {
		if match(request) {
			return fault
		}
		return nil
	}
}

// asks is true for requests of the kind with the method, for something in the repository.
func asks(repository string, kind registry.Kind, method string) func(registry.Request) bool {
	return func(r registry.Request) bool {
		return r.Kind == kind && r.Method == method && strings.HasPrefix(r.Path, "/v2/"+repository+"/")
	}
}

// fakeClock stands still until it is told to go on. Unlike the one that it is made
// of it calls back once the time is set: the Resolver asks for the time then.
type fakeClock struct {
	*clocktesting.FakeClock
	mu  sync.Mutex
	due []func()
}

func newClock() *fakeClock {
	return &fakeClock{FakeClock: clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
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

// bench is a Resolver that runs, and what it tells.
type bench struct {
	*image.Resolver
	t *testing.T

	mu    sync.Mutex
	woken map[types.NamespacedName]chan struct{}
	ended []string // how look-ups ended, in their order
}

// start starts a Resolver that may ask the registries without TLS, where they
// have none. Nobody has credentials, unless the options say so.
func start(t *testing.T, options image.Options, registries ...*registry.Registry) *bench {
	t.Helper()
	b := &bench{t: t, woken: map[types.NamespacedName]chan struct{}{}}
	for _, r := range registries {
		if r.CA() == nil {
			options.PlainHTTP = append(options.PlainHTTP, r.Host())
		}
	}
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	if options.Live == nil {
		options.Live = fake.NewClientBuilder().Build()
	}
	if options.Identity == nil {
		options.Identity = func(context.Context) (string, error) { return operatorUser, nil }
	}
	options.Took = func(result string, _ time.Duration) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.ended = append(b.ended, result)
	}
	resolver, err := image.New(options)
	if err != nil {
		t.Fatal(err)
	}
	b.Resolver = resolver
	b.Start(t.Context(), func(stack types.NamespacedName) {
		select {
		case b.wakes(stack) <- struct{}{}:
		default: // it is to wake already
		}
	})
	return b
}

// wakes tells when the stack is woken.
func (b *bench) wakes(stack types.NamespacedName) chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.woken[stack] == nil {
		b.woken[stack] = make(chan struct{}, 1)
	}
	return b.woken[stack]
}

// results are how look-ups ended so far.
func (b *bench) results() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.ended...)
}

// look makes one pass for the stack.
func (b *bench) look(stack types.NamespacedName, want model.Questions) model.Answers {
	b.t.Helper()
	return b.Answer(b.t.Context(), stack, want)
}

// begin makes the first pass, after which the stack is to wait.
func (b *bench) begin(stack types.NamespacedName, want model.Questions) model.Answers {
	b.t.Helper()
	images := b.look(stack, want)
	if images.Waiting == "" {
		b.t.Fatalf("%s does not wait: %+v", stack, images.Images)
	}
	return images
}

// clear forgets that the stack was woken.
func (b *bench) clear(stack types.NamespacedName) {
	select {
	case <-b.wakes(stack):
	default:
	}
}

// wake waits until the Resolver wakes the stack.
func (b *bench) wake(stack types.NamespacedName) {
	b.t.Helper()
	select {
	case <-b.wakes(stack):
	case <-time.After(patience):
		b.t.Fatalf("%s was not woken; look-ups ended: %v", stack, b.results())
	}
}

// release makes passes for the stack as the controller does, until its release waits for nothing.
func (b *bench) release(stack types.NamespacedName, want model.Questions) model.Answers {
	b.t.Helper()
	return b.goOn(stack, want, b.look(stack, want))
}

func (b *bench) goOn(stack types.NamespacedName, want model.Questions, images model.Answers) model.Answers {
	b.t.Helper()
	deadline := time.After(patience)
	for images.Waiting != "" {
		select {
		case <-b.wakes(stack):
		case <-time.After(images.Wait):
		case <-deadline:
			b.t.Fatalf("%s still waits for %s; look-ups ended: %v", stack, images.Waiting, b.results())
		}
		images = b.look(stack, want)
	}
	return images
}

// made says that the stack's release is made: there is nothing to look up any more.
func (b *bench) made(stack types.NamespacedName) {
	b.t.Helper()
	if images := b.look(stack, model.Questions{}); images.Waiting != "" || len(images.Images) > 0 {
		b.t.Errorf("with nothing to look up: %+v", images)
	}
}

// resolve makes a release of one image, and returns what is known of it.
func (b *bench) resolve(stack types.NamespacedName, reference string) model.Image {
	b.t.Helper()
	defer b.made(stack)
	want := wanting(reference)
	return the(b.t, b.release(stack, want), want.Images[0])
}

// eventually waits until it is so.
func (b *bench) eventually(what string, so func() bool) {
	b.t.Helper()
	if !within(patience, so) {
		b.t.Fatalf("%s did not happen within %s; look-ups ended: %v", what, patience, b.results())
	}
}

// fails waits until a look-up has failed, and its retry is planned: nothing else waits for the clock.
func (b *bench) fails(c *fakeClock) {
	b.t.Helper()
	b.eventually("a failed look-up", c.HasWaiters)
}

// givesUp makes a release of one image whose look-up fails, and returns what it is made with.
func (b *bench) givesUp(c *fakeClock, reference string) model.Image {
	b.t.Helper()
	defer b.made(shop)
	want := wanting(reference)
	b.begin(shop, want)
	b.fails(c)
	c.Step(imageWait)
	return the(b.t, b.look(shop, want), want.Images[0])
}

func within(limit time.Duration, so func() bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for !so() {
		select {
		case <-deadline.C:
			return so()
		case <-ticker.C:
		}
	}
	return true
}

// wanting is a release of images whose pods have no credentials of their own.
func wanting(references ...string) model.Questions {
	want := model.Questions{Release: "1"}
	for _, reference := range references {
		want.Images = append(want.Images, model.ImageRequest{Reference: reference})
	}
	return want
}

// the is what is known of the image.
func the(t *testing.T, images model.Answers, request model.ImageRequest) model.Image {
	t.Helper()
	found, ok := images.Images[request]
	if !ok {
		t.Fatalf("nothing is known of %+v: %+v", request, images)
	}
	return found
}

// wantDigest wants an image that was found.
func wantDigest(t *testing.T, found model.Image, digest string) {
	t.Helper()
	if found.Unresolved != nil {
		t.Errorf("unresolved: %+v", *found.Unresolved)
	} else if found.Digest != digest {
		t.Errorf("the digest is %q, want %q", found.Digest, digest)
	}
}

// wantUnresolved wants an image that was not found, for the reason and with words in the message.
func wantUnresolved(t *testing.T, found model.Image, reason string, words ...string) {
	t.Helper()
	if found.Unresolved == nil {
		t.Errorf("resolved: %+v, want %s", found, reason)
		return
	}
	if found.Unresolved.Reason != reason {
		t.Errorf("the reason is %s, want %s: %s", found.Unresolved.Reason, reason, found.Unresolved.Message)
	}
	if strings.Contains(found.Unresolved.Message, secret) {
		t.Errorf("the message shows the answer: %s", found.Unresolved.Message)
	}
	for _, word := range words {
		if !strings.Contains(found.Unresolved.Message, word) {
			t.Errorf("the message %q does not say %q", found.Unresolved.Message, word)
		}
	}
	if found.Digest != "" || found.Config != nil || found.Platforms != nil {
		t.Errorf("something is known of an image that was not found: %+v", found)
	}
}
