// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package images

import (
	"testing"

	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/test/registry"
)

// Images of skipped registries run as written: nothing is resolved, and no release waits.
func TestSkip(t *testing.T) {
	t.Parallel()
	reference, digest := push(t, open, "skipped:1", registry.Image())
	f := newFront(t, nil, false, nil)
	skipped := f.host() + "/app:1"
	for name, test := range map[string]struct {
		skip   []string
		images []string
		known  bool // whether the image of the other registry resolves
	}{
		"R23 one host":       {[]string{f.host()}, []string{skipped, reference}, true},
		"R23 two hosts":      {[]string{"registry.example.com", f.host()}, []string{skipped, reference}, true},
		"R23 all":            {[]string{"*"}, []string{skipped, reference, "nginx", "registry.example.com/app@" + digest}, false},
		"R23 Docker Hub":     {[]string{"docker.io"}, []string{"nginx", "docker.io/team/app:1", "index.docker.io/team/app", reference}, true},
		"R23 Docker's index": {[]string{"index.docker.io"}, []string{"nginx", "docker.io/team/app:1", reference}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, image.Options{
				Clock: newClock(), Registries: image.Registries{Skip: test.skip, PlainHTTP: []string{f.host()}},
			}, open)
			want := wanting(test.images...)
			images := b.look(shop, want)
			if test.known {
				if images.Waiting != reference {
					t.Errorf("the release waits for %q, want %q", images.Waiting, reference)
				}
				b.wake(shop)
				images = b.look(shop, want)
			}
			if images.Waiting != "" || images.Wait != 0 {
				t.Errorf("the release waits for %q, want no wait", images.Waiting)
			}
			for _, request := range want.Images {
				found := images.Images[request]
				if test.known && request.Reference == reference {
					wantDigest(t, found, digest)
				} else if found.Digest != "" || found.Config != nil || found.Platforms != nil || found.Unresolved != nil {
					t.Errorf("%s was looked up: %+v", request.Reference, found)
				}
			}
		})
	}
	t.Cleanup(func() {
		if n := len(f.requests()); n > 0 {
			t.Errorf("R23 a skipped registry got %d requests", n)
		}
	})
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		content []byte
		fails   bool
	}{
		"R23 none":       {nil, false},
		"R23 one":        {secure.CA(), false},
		"R23 no PEM":     {[]byte("no PEM"), true},
		"R23 a key only": {[]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := image.New(image.Options{Registries: image.Registries{CA: test.content}, Clock: newClock()})
			if (err != nil) != test.fails {
				t.Errorf("the error is %v", err)
			}
		})
	}
}
