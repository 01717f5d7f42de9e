// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package images

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	ggcrtypes "github.com/google/go-containerregistry/pkg/v1/types"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/test/registry"
)

// asked counts the requests to a registry by kind.
type asked struct{ manifests, heads, configs int }

func askedOf(r *registry.Registry, repository string) asked {
	return asked{
		manifests: r.Count(asks(repository, registry.Manifest, http.MethodGet)),
		heads:     r.Count(asks(repository, registry.Manifest, http.MethodHead)),
		configs:   r.Count(asks(repository, registry.Blob, http.MethodGet)),
	}
}

// Look-ups are shared by all stacks that need the same image.
func TestThousandStacks(t *testing.T) {
	t.Parallel()
	const stacks, images, controllers = 1000, 20, 4
	r := startRegistry(t, registry.Options{})
	var references, digests []string
	for i := range images {
		reference, digest := push(t, r, fmt.Sprintf("app:%d", i), registry.Image(registry.Marker(fmt.Sprint(i))))
		references, digests = append(references, reference), append(digests, digest)
	}
	c := newClock()
	b := start(t, image.Options{Clock: c, Wait: imageWait}, r)
	want := wanting(references...)
	want.Since = c.Now().Add(-10 * time.Second)

	numbers := make(chan int)
	var working sync.WaitGroup
	for range controllers {
		working.Go(func() {
			for i := range numbers {
				stack := types.NamespacedName{Namespace: fmt.Sprint("team-", i%7), Name: fmt.Sprint("shop-", i)}
				b.look(stack, want)
			}
		})
	}
	for i := range stacks {
		numbers <- i
	}
	close(numbers)
	working.Wait()
	for i := range stacks {
		stack := types.NamespacedName{Namespace: fmt.Sprint("team-", i%7), Name: fmt.Sprint("shop-", i)}
		found := b.release(stack, want)
		for j, request := range want.Images {
			wantDigest(t, the(t, found, request), digests[j])
		}
		b.made(stack)
	}
	if got, most := askedOf(r, "app"), (asked{images, 0, images}); got != most {
		t.Errorf("R21 the registry got the requests %+v, want %+v", got, most)
	}
}

// held is a proxy of a registry that blocks manifest requests until goOn.
type held struct {
	*front
	arrived chan struct{} // one value for each blocked request
	goOn    chan struct{} // closed, or one value for each request
}

func hold(t *testing.T, answer func(w http.ResponseWriter) bool) *held {
	t.Helper()
	h := &held{arrived: make(chan struct{}, 100), goOn: make(chan struct{})}
	h.front = newFront(t, open, false, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		h.arrived <- struct{}{}
		select {
		case <-h.goOn:
		case <-r.Context().Done():
		}
		return answer != nil && answer(w)
	})
	return h
}

// manifests returns the number of manifest requests so far.
func (h *held) manifests() int {
	n := 0
	for _, r := range h.requests() {
		if strings.Contains(r.URL.Path, "/manifests/") {
			n++
		}
	}
	return n
}

func (h *held) arrives(t *testing.T) {
	t.Helper()
	select {
	case <-h.arrived:
	case <-time.After(patience):
		t.Fatal("no request arrived")
	}
}

// Stacks that need an image during its look-up wait for the same answer.
func TestJoins(t *testing.T) {
	t.Parallel()
	_, digest := push(t, open, "joined:1", registry.Image())
	h := hold(t, nil)
	c := newClock()
	b := start(t, image.Options{
		Clock: c, Wait: imageWait, Timeout: forever, Registries: image.Registries{PlainHTTP: []string{h.host()}},
	})
	want := wanting(h.host() + "/joined:1")
	b.begin(shop, want)
	h.arrives(t)
	c.Step(time.Second)
	want.Since = c.Now().Add(-2 * time.Second)
	stack := func(i int) types.NamespacedName {
		return types.NamespacedName{Namespace: fmt.Sprint("team-", i), Name: "shop"}
	}
	for i := range 50 {
		b.begin(stack(i), want)
	}
	close(h.goOn)
	for i := range 50 {
		b.wake(stack(i))
		wantDigest(t, the(t, b.look(stack(i), want), want.Images[0]), digest)
	}
	if n := h.manifests(); n != 1 {
		t.Errorf("R21 the manifest was requested %d times, want once", n)
	}
}

// A restart resolves the tag again: it does not join a look-up from before the restart.
func TestRestartDoesNotJoin(t *testing.T) {
	t.Parallel()
	_, old := push(t, open, "unjoined:1", registry.Image(registry.User("old")))
	content, err := registry.Image(registry.User("old")).RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	h := hold(t, func(w http.ResponseWriter) (first bool) {
		once.Do(func() {
			first = true
			says(w, string(ggcrtypes.OCIManifestSchema1), content)
		})
		return first
	})
	c := newClock()
	b := start(t, image.Options{
		Clock: c, Wait: imageWait, Timeout: forever, Registries: image.Registries{PlainHTTP: []string{h.host()}},
	})
	want := wanting(h.host() + "/unjoined:1")
	b.begin(shop, want)
	h.arrives(t)
	_, moved := push(t, open, "unjoined:1", registry.Image(registry.User("new")))
	c.Step(time.Second)
	b.begin(blog, want)
	close(h.goOn)
	b.wake(shop)
	wantDigest(t, the(t, b.look(shop, want), want.Images[0]), old)
	wantDigest(t, the(t, b.release(blog, want), want.Images[0]), moved)
}

func TestNextRelease(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		since func(now time.Time) time.Time
		moved bool
		want  asked
	}{
		"R21 within the time in which answers are fresh": {
			func(now time.Time) time.Time { return now.Add(-10 * time.Second) }, false, asked{},
		},
		"R21 the tag has moved, and the answer is fresh": {
			func(now time.Time) time.Time { return now.Add(-10 * time.Second) }, true, asked{},
		},
		"R21 after that time": {
			func(now time.Time) time.Time { return now.Add(-4 * time.Second) }, false, asked{heads: 1},
		},
		"R21 a restart": {
			func(time.Time) time.Time { return time.Time{} }, false, asked{heads: 1},
		},
		"R21 a restart, and the tag has moved": {
			func(time.Time) time.Time { return time.Time{} }, true, asked{heads: 1, manifests: 1, configs: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repository := fresh("next")
			reference, digest := push(t, open, repository+":1", registry.Image(registry.Marker(name)))
			c := newClock()
			b := start(t, image.Options{Clock: c, Wait: imageWait}, open)
			want := wanting(reference)
			b.begin(shop, want)
			b.wake(shop)
			wantDigest(t, the(t, b.look(shop, want), want.Images[0]), digest)
			b.made(shop)
			if got, first := askedOf(open, repository), (asked{manifests: 1, configs: 1}); got != first {
				t.Errorf("the first release made the requests %+v, want %+v", got, first)
			}

			c.Step(5 * time.Second)
			if test.moved {
				_, moved := push(t, open, repository+":1", registry.Image(registry.Marker("moved "+name)))
				if test.want != (asked{}) {
					digest = moved
				}
			}
			want.Release, want.Since = "2", test.since(c.Now())
			images := b.look(shop, want)
			if images.Waiting != "" {
				b.wake(shop)
				images = b.look(shop, want)
			}
			wantDigest(t, the(t, images, want.Images[0]), digest)
			test.want.manifests++
			test.want.configs++
			if got := askedOf(open, repository); got != test.want {
				t.Errorf("both releases made the requests %+v, want %+v", got, test.want)
			}
		})
	}
}

// GET is used with a registry that does not support HEAD.
func TestWithoutHead(t *testing.T) {
	t.Parallel()
	_, digest := push(t, open, "headless:1", registry.Image())
	f := newFront(t, open, false, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
		return r.Method == http.MethodHead
	})
	c := newClock()
	b := start(t, image.Options{Clock: c, Registries: image.Registries{PlainHTTP: []string{f.host()}}})
	want := wanting(f.host() + "/headless:1")
	for range 2 {
		want.Release += "1"
		b.begin(shop, want)
		b.wake(shop)
		wantDigest(t, the(t, b.look(shop, want), want.Images[0]), digest)
		b.made(shop)
		c.Step(time.Minute)
	}
}

// Each set of credentials makes its own request for the same image: the registry must accept it.
func TestTwoCredentials(t *testing.T) {
	t.Parallel()
	repository := fresh("two")
	reference, digest := push(t, private, repository+":1", registry.Image())
	ann := pullSecret("s", private.Host(), auth("ann", users["ann"]))
	annAgain := pullSecret("s", private.Host(), auth("ann", users["ann"]))
	annAgain.Namespace = "again"
	bob := pullSecret("s", private.Host(), auth("bob", users["bob"]))
	bob.Namespace = "other"
	c := newClock()
	b := start(t, image.Options{Clock: c, Live: fake.NewClientBuilder().WithObjects(ann, annAgain, bob).Build()}, private)
	request := model.ImageRequest{Reference: reference, PullSecrets: "s"}
	want := model.Questions{Release: "1", Images: []model.ImageRequest{request}, Since: c.Now().Add(-time.Hour)}
	for _, step := range []struct {
		namespace string
		waits     bool
		want      asked // in total, without the rejected anonymous requests
	}{
		{ann.Namespace, true, asked{manifests: 1, configs: 1}},
		{annAgain.Namespace, false, asked{manifests: 1, configs: 1}},
		{bob.Namespace, true, asked{manifests: 2, configs: 1}},
		{bob.Namespace, false, asked{manifests: 2, configs: 1}},
	} {
		stack := types.NamespacedName{Namespace: step.namespace, Name: "shop"}
		images := b.look(stack, want)
		if waits := images.Waiting != ""; waits != step.waits {
			t.Errorf("R21 the release in namespace %s waits: %t, want %t", step.namespace, waits, step.waits)
		}
		if images.Waiting != "" {
			b.wake(stack)
			images = b.look(stack, want)
		}
		wantDigest(t, the(t, images, request), digest)
		b.made(stack)
		if got := askedOf(private, repository); got != step.want {
			t.Errorf("R21 after namespace %s the requests are %+v, want %+v", step.namespace, got, step.want)
		}
	}
}

// The pods' credentials are read once per release, not once per image.
func TestReadsCredentialsOnce(t *testing.T) {
	t.Parallel()
	const images = 20
	live := newForbidding(account("default", "s"), pullSecret("s", private.Host(), auth("ann", users["ann"])))
	live.allowed.Store(true)
	var references []string
	for i := range images {
		reference, _ := push(t, private, fmt.Sprintf("once:%d", i), registry.Image())
		references = append(references, reference)
	}
	c := newClock()
	b := start(t, image.Options{Clock: c, Live: live}, private)
	b.release(shop, wanting(references...))
	if n := live.reads.Load(); n > 2 {
		t.Errorf("R21 a release of %d images with one ServiceAccount and one Secret made %d reads", images, n)
	}
}

// An index in which each manifest is preferred to the one before costs a few requests, not one
// per manifest.
func TestIndexCosts(t *testing.T) {
	t.Parallel()
	var entries []registry.Entry
	for i := range 30 {
		entries = append(entries, registry.For(fmt.Sprintf("linux/arm/v%d", i), registry.Image(registry.Marker(fmt.Sprint(i)))))
	}
	entries = append(entries, registry.For("linux/amd64", registry.Image()))
	var content remote.Taggable = registry.Index(registry.IndexOptions{Attestations: true}, entries...)
	repository := fresh("costly")
	reference, digest := push(t, open, repository+":1", content)
	wantDigest(t, start(t, image.Options{}, open).resolve(shop, reference), digest)
	if got := askedOf(open, repository); got.manifests > 4 || got.configs != 1 {
		t.Errorf("R21 an index of %d images needed the requests %+v", len(entries), got)
	}
}
