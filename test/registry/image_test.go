// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package registry_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/appstack-dev/appstack/test/registry"
)

func TestImage(t *testing.T) {
	t.Parallel()
	image := registry.Image(
		registry.Expose("80/tcp", "53/udp"),
		registry.Healthcheck([]string{"CMD-SHELL", "true"}),
		registry.User("1000:1000"),
		registry.Volume("/data"),
		registry.StopSignal("SIGQUIT"),
		registry.Platform("linux/arm/v7"),
		registry.Marker("a"),
		registry.Docker(),
		registry.Edit(func(f *v1.ConfigFile) { f.Config.WorkingDir = "/work" }),
	)
	if err := validate.Image(image, validate.Fast); err != nil {
		t.Error(err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		ExposedPorts: map[string]struct{}{"80/tcp": {}, "53/udp": {}},
		Healthcheck:  &v1.HealthConfig{Test: []string{"CMD-SHELL", "true"}},
		User:         "1000:1000",
		Volumes:      map[string]struct{}{"/data": {}},
		StopSignal:   "SIGQUIT",
		WorkingDir:   "/work",
	}
	if diff := cmp.Diff(want, file.Config); diff != "" {
		t.Error(diff)
	}
	if got := file.Platform().String(); got != "linux/arm/v7" {
		t.Errorf("it is for %s", got)
	}
	if got, err := image.MediaType(); err != nil || got != types.DockerManifestSchema2 {
		t.Errorf("it is of type %s: %v", got, err)
	}
}

func TestMarker(t *testing.T) {
	t.Parallel()
	digests := map[string]bool{}
	for _, image := range []v1.Image{
		registry.Image(), registry.Image(registry.Marker("a")), registry.Image(registry.Marker("b")), registry.Image(registry.OCI()),
	} {
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests[digest.String()] = true
	}
	if len(digests) != 3 {
		t.Errorf("got %v", digests)
	}
}

func TestRawImage(t *testing.T) {
	t.Parallel()
	r := start(t, registry.Options{})
	for _, config := range []string{`{"config":{"Healthcheck":{"StartInterval":5}}}`, "no JSON"} {
		for _, types := range []registry.MediaTypes{registry.OCITypes, registry.DockerTypes} {
			push(t, r, "raw", registry.RawImage([]byte(config), types))
			pulled, err := remote.Image(at(t, r, ":raw"), remote.WithContext(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := pulled.RawConfigFile(); err != nil || string(got) != config {
				t.Errorf("got %q, not %q: %v", got, config, err)
			}
		}
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	r := start(t, registry.Options{})
	amd64 := registry.Image()
	arm64 := registry.Image(registry.Platform("linux/arm64"))
	nested := registry.Index(registry.IndexOptions{}, registry.For("linux/arm64", arm64))
	index := registry.Index(registry.IndexOptions{Attestations: true}, registry.For("linux/amd64", amd64), registry.Bare(nested))
	if err := validate.Index(index, validate.Fast); err != nil {
		t.Error(err)
	}
	digest := push(t, r, "1", index)

	pulled, err := remote.Index(at(t, r, "@"+digest), remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := pulled.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []*v1.Platform
	for _, entry := range manifest.Manifests {
		platforms = append(platforms, entry.Platform)
	}
	expected := []*v1.Platform{{OS: "linux", Architecture: "amd64"}, nil, {OS: "unknown", Architecture: "unknown"}}
	if diff := cmp.Diff(expected, platforms); diff != "" {
		t.Fatal(diff)
	}
	want := map[string]string{
		"vnd.docker.reference.type":   "attestation-manifest",
		"vnd.docker.reference.digest": manifest.Manifests[0].Digest.String(),
	}
	if diff := cmp.Diff(want, manifest.Manifests[2].Annotations); diff != "" {
		t.Error(diff)
	}
	// The client looks into the inner index too, which only works when it was pushed along.
	if err := validate.Index(pulled, validate.Fast); err != nil {
		t.Error(err)
	}
}

func TestManifestList(t *testing.T) {
	t.Parallel()
	r := start(t, registry.Options{})
	image := registry.Image(registry.Docker())
	push(t, r, "1", registry.Index(registry.IndexOptions{Docker: true}, registry.For("linux/amd64", image)))
	got, err := remote.Get(at(t, r, ":1"), remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if got.MediaType != types.DockerManifestList {
		t.Errorf("it is of type %s", got.MediaType)
	}
	platform := v1.Platform{OS: "linux", Architecture: "amd64"}
	chosen, err := remote.Image(at(t, r, ":1"), remote.WithContext(t.Context()), remote.WithPlatform(platform))
	if err != nil {
		t.Fatal(err)
	}
	want, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if digest, err := chosen.Digest(); err != nil || digest != want {
		t.Errorf("got %s, not %s: %v", digest, want, err)
	}
}
