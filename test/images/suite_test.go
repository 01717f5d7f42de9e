// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package images tests image look-ups against a real registry and its faults. The tests
// act as the controller: they reconcile, wait until the Resolver wakes the stack or the
// wait ends, and reconcile again.
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

	"github.com/appstack-dev/appstack/internal/grant"
	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/test/registry"
)

const (
	// patience is how long a test waits for something that happens at once.
	patience = 20 * time.Second
	// poll is the interval between its checks.
	poll = 2 * time.Millisecond
	// imageWait is how long releases wait for their images under a fake clock.
	imageWait = 10 * time.Second
	// operatorUser is the operator's user name at the API server.
	operatorUser = "system:serviceaccount:appstack-system:appstack-controller-manager"
)

var (
	shop = types.NamespacedName{Namespace: "default", Name: "shop"}
	blog = types.NamespacedName{Namespace: "default", Name: "blog"}
)

// The registries shared by the tests that inject no faults: an anonymous one, one with
// users, and one with TLS.
var open, private, secure *registry.Registry

// users are the users of private and their passwords.
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

// startRegistry runs a registry until the test ends, to inject faults or to count all requests.
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

// push pushes to repository:tag and returns the reference, by the address that can have
// faults, and the digest.
func push(t *testing.T, r *registry.Registry, where string, content remote.Taggable) (reference, digest string) {
	t.Helper()
	repository, tag, _ := strings.Cut(where, ":")
	digest, err := r.Push(t.Context(), repository, tag, content)
	if err != nil {
		t.Fatal(err)
	}
	return r.Host() + "/" + where, digest
}

// named counts the calls of fresh.
var named atomic.Int64

// fresh returns the name of an unused repository, also when the tests run several times.
func fresh(name string) string { return fmt.Sprintf("%s-%d", name, named.Add(1)) }

func heal(t *testing.T, r *registry.Registry) {
	t.Helper()
	if err := r.Recover(); err != nil {
		t.Fatal(err)
	}
}

// always returns a fault for every request.
func always(fault registry.Fault) func(registry.Request) registry.Fault {
	return func(registry.Request) registry.Fault { return fault }
}

// of returns a fault for the requests that match.
func of(match func(registry.Request) bool, fault registry.Fault) func(registry.Request) registry.Fault {
	return func(request registry.Request) registry.Fault {
		if match(request) {
			return fault
		}
		return nil
	}
}

// asks matches requests in the repository of the kind and with the method.
func asks(repository string, kind registry.Kind, method string) func(registry.Request) bool {
	return func(r registry.Request) bool {
		return r.Kind == kind && r.Method == method && strings.HasPrefix(r.Path, "/v2/"+repository+"/")
	}
}

// fakeClock advances only by Step. Unlike the embedded clock, it calls back after the step,
// as the Resolver reads the time in its callbacks.
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

// Step advances the clock. Callbacks that are due have been called when it returns.
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

// bench is a running Resolver and what it reports.
type bench struct {
	*image.Resolver
	t *testing.T

	mu    sync.Mutex
	woken map[types.NamespacedName]chan struct{}
	ended []string // the results of look-ups, in order
}

// start starts a Resolver that may use plain HTTP with those of the registries that have
// no TLS. There are no credentials unless the options have them.
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
	if options.Granter == nil {
		options.Granter = &grant.Granter{Identity: func(context.Context) (string, error) { return operatorUser, nil }}
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
		default: // a wake-up is pending already
		}
	})
	return b
}

// wakes returns the channel that receives when the stack is woken.
func (b *bench) wakes(stack types.NamespacedName) chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.woken[stack] == nil {
		b.woken[stack] = make(chan struct{}, 1)
	}
	return b.woken[stack]
}

// results returns the results of look-ups so far.
func (b *bench) results() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.ended...)
}

// look reconciles the stack once.
func (b *bench) look(stack types.NamespacedName, want model.Questions) model.Answers {
	b.t.Helper()
	return b.Answer(b.t.Context(), stack, want)
}

// begin reconciles the stack once, after which its release must wait.
func (b *bench) begin(stack types.NamespacedName, want model.Questions) model.Answers {
	b.t.Helper()
	images := b.look(stack, want)
	if images.Waiting == "" {
		b.t.Fatalf("%s does not wait: %+v", stack, images.Images)
	}
	return images
}

// clear drops a pending wake-up of the stack.
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

// release reconciles the stack, as the controller does, until its release no longer waits.
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

// made reports that the stack's release is made: nothing is left to look up.
func (b *bench) made(stack types.NamespacedName) {
	b.t.Helper()
	if images := b.look(stack, model.Questions{}); images.Waiting != "" || len(images.Images) > 0 {
		b.t.Errorf("nothing to look up, but the answers are %+v", images)
	}
}

// resolve makes a release of one image and returns the result of its look-up.
func (b *bench) resolve(stack types.NamespacedName, reference string) model.Image {
	b.t.Helper()
	defer b.made(stack)
	want := wanting(reference)
	return the(b.t, b.release(stack, want), want.Images[0])
}

// eventually waits until the condition is true.
func (b *bench) eventually(what string, so func() bool) {
	b.t.Helper()
	if !within(patience, so) {
		b.t.Fatalf("%s did not happen within %s; look-ups ended: %v", what, patience, b.results())
	}
}

// fails waits until a look-up has failed and its retry is scheduled: nothing else waits for the clock.
func (b *bench) fails(c *fakeClock) {
	b.t.Helper()
	b.eventually("a failed look-up", c.HasWaiters)
}

// givesUp makes a release of one image whose look-up fails, and returns its result.
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

// wanting returns a release of images whose pods have no pull secrets.
func wanting(references ...string) model.Questions {
	want := model.Questions{Release: "1"}
	for _, reference := range references {
		want.Images = append(want.Images, model.ImageRequest{Reference: reference})
	}
	return want
}

// the returns the result for the image.
func the(t *testing.T, images model.Answers, request model.ImageRequest) model.Image {
	t.Helper()
	found, ok := images.Images[request]
	if !ok {
		t.Fatalf("no result for %+v: %+v", request, images)
	}
	return found
}

// wantDigest checks that the image was resolved to the digest.
func wantDigest(t *testing.T, found model.Image, digest string) {
	t.Helper()
	if found.Unresolved != nil {
		t.Errorf("unresolved: %+v", *found.Unresolved)
	} else if found.Digest != digest {
		t.Errorf("the digest is %q, want %q", found.Digest, digest)
	}
}

// wantUnresolved checks that the image was not resolved, with the reason and the words in the message.
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
		t.Errorf("the message shows content of the answer: %s", found.Unresolved.Message)
	}
	for _, word := range words {
		if !strings.Contains(found.Unresolved.Message, word) {
			t.Errorf("the message %q does not contain %q", found.Unresolved.Message, word)
		}
	}
	if found.Digest != "" || found.Config != nil || found.Platforms != nil {
		t.Errorf("an unresolved image has a result: %+v", found)
	}
}
