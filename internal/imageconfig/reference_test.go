// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig_test

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/appstack-dev/appstack/internal/imageconfig"
)

const (
	digest = "sha256:5a88c9c45479443d7be2eadc894b4ed0a9801bae03d97a5760ae13b5c2005942"
	other  = "sha256:db4f612f385437d11eb26620a4f1d7efb3ff44e1296a3c21540b30454e6e2bf3"
	hub    = "index.docker.io"
)

func TestReference(t *testing.T) {
	tests := map[string]struct{ reference, pinned string }{
		"R21 a name":                       {"nginx", "nginx:latest@" + digest},
		"R21 a tag":                        {"nginx:1.31", "nginx:1.31@" + digest},
		"R21 a user of Docker Hub":         {"grafana/grafana:12.1.0", "grafana/grafana:12.1.0@" + digest},
		"R21 Docker Hub by its name":       {"docker.io/library/nginx", "docker.io/library/nginx:latest@" + digest},
		"R21 Docker Hub by its other name": {hub + "/nginx:1", hub + "/nginx:1@" + digest},
		"R21 a registry":                   {"ghcr.io/o/app:v1", "ghcr.io/o/app:v1@" + digest},
		"R21 a registry, and no tag":       {"quay.io/o/app", "quay.io/o/app:latest@" + digest},
		"R21 a port is not a tag":          {"localhost:5000/app", "localhost:5000/app:latest@" + digest},
		"R21 a port and a tag":             {"localhost:5000/app:1", "localhost:5000/app:1@" + digest},
		"R21 localhost is a registry":      {"localhost/app", "localhost/app:latest@" + digest},
		"R21 a tag that looks like one":    {"app:5000", "app:5000@" + digest},
		"R21 an address":                   {"[::1]:5000/a/b", "[::1]:5000/a/b:latest@" + digest},
		"R21 a digest stays":               {"nginx@" + other, "nginx@" + other},
		"R21 a tag and a digest stay":      {"ghcr.io/o/app:v1@" + other, "ghcr.io/o/app:v1@" + other},
		"R21 a path of several elements":   {"registry.example.com/a/b/c:1", "registry.example.com/a/b/c:1@" + digest},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := imageconfig.Pin(test.reference, digest); got != test.pinned {
				t.Errorf("pinned is %s, want %s", got, test.pinned)
			}
			if got, want := imageconfig.Pinned(test.reference), strings.Contains(test.reference, other); got != want {
				t.Errorf("is pinned: %t, want %t", got, want)
			}
			if !imageconfig.Pinned(test.pinned) || imageconfig.Pin(test.pinned, other) != test.pinned {
				t.Error("a pinned reference is not recognized as pinned")
			}
		})
	}
}

func FuzzReference(f *testing.F) {
	for _, reference := range []string{
		"", "nginx", "nginx:1.31", "localhost:5000/app", "docker.io/library/nginx", "a.b/c:d", "[::1]:5000/a:1", "a:1/b", "a/b:c/d",
		"nginx@" + other, "@", ":",
	} {
		f.Add(reference)
	}
	f.Fuzz(func(t *testing.T, reference string) {
		pinned := imageconfig.Pin(reference, digest)
		if !imageconfig.Pinned(pinned) || imageconfig.Pin(pinned, other) != pinned {
			t.Errorf("R21 %q is pinned as %q, which is not recognized as pinned", reference, pinned)
		}
		was, err := name.ParseReference(reference)
		if err != nil || imageconfig.Pinned(reference) {
			return
		}
		// when parsing, the library counts "library/" too, and so rejects some of the longest names
		if len(reference) > 200 {
			return
		}
		got, err := name.NewDigest(pinned)
		if err != nil {
			t.Fatalf("R21 %q is pinned as %q: %v", reference, pinned, err)
		}
		if got.DigestStr() != digest || got.Context().Name() != was.Context().Name() || got.RegistryStr() != was.Context().RegistryStr() {
			t.Errorf("R21 %q is pinned as %q, which is another image", reference, pinned)
		}
		if tag, err := name.NewTag(strings.TrimSuffix(pinned, "@"+digest)); err != nil || tag.TagStr() != was.Identifier() {
			t.Errorf("R21 %q is pinned as %q, with another tag: %v", reference, pinned, err)
		}
	})
}
