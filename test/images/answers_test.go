// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package images

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/test/registry"
)

// userless is the expected user if no config is read.
const userless = "none"

// imageFor returns an image for the platform. Its user is the platform too, which shows
// the tests whose config was read.
func imageFor(platform string, options ...registry.ImageOption) v1.Image {
	return registry.Image(append([]registry.ImageOption{registry.Platform(platform), registry.User(platform)}, options...)...)
}

func entryFor(platform string, options ...registry.ImageOption) registry.Entry {
	return registry.For(platform, imageFor(platform, options...))
}

// user returns the user in the config, or userless.
func user(found model.Image) string {
	if found.Config == nil {
		return userless
	}
	return found.Config.User
}

func platforms(found model.Image) []string {
	all := []string{}
	for _, platform := range found.Platforms {
		all = append(all, platform.String())
	}
	return all
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	plain, docker := registry.IndexOptions{}, registry.IndexOptions{Docker: true}
	built := registry.IndexOptions{Attestations: true}
	helm := registry.MediaTypes{
		Manifest: types.OCIManifestSchema1, Config: "application/vnd.cncf.helm.config.v1+json", Layer: types.OCILayer,
	}
	for name, test := range map[string]struct {
		content   remote.Taggable
		platforms []string
		user      string // whose config is read
	}{
		"R21 one OCI manifest": {
			imageFor("linux/arm64"), []string{"linux/arm64"}, "linux/arm64",
		},
		"R21 one Docker manifest": {
			imageFor("linux/s390x", registry.Docker()), []string{"linux/s390x"}, "linux/s390x",
		},
		"R21 one for Windows": {
			imageFor("windows/amd64:10.0.20348.2582"), []string{"windows/amd64"}, "windows/amd64:10.0.20348.2582",
		},
		"R21 an index": {
			registry.Index(plain, entryFor("linux/arm64"), entryFor("linux/amd64")),
			[]string{"linux/amd64", "linux/arm64"}, "linux/amd64",
		},
		"R21 a manifest list": {
			registry.Index(docker, entryFor("linux/arm/v7", registry.Docker()), entryFor("linux/amd64", registry.Docker())),
			[]string{"linux/amd64", "linux/arm"}, "linux/amd64",
		},
		"R21 an index for two variants": {
			registry.Index(plain, entryFor("linux/arm/v6"), entryFor("linux/arm/v7")),
			[]string{"linux/arm"}, "linux/arm/v6",
		},
		"R21 an index with attestations": {
			registry.Index(built, entryFor("linux/amd64"), entryFor("linux/arm64")),
			[]string{"linux/amd64", "linux/arm64"}, "linux/amd64",
		},
		"R21 an index of one image and its attestation": {
			registry.Index(built, entryFor("linux/riscv64")), []string{"linux/riscv64"}, "linux/riscv64",
		},
		"R21 an index in an index": {
			registry.Index(plain,
				registry.Bare(registry.Index(built, entryFor("linux/amd64"))),
				registry.Bare(registry.Index(built, entryFor("linux/arm64"))),
			), []string{"linux/amd64", "linux/arm64"}, "linux/amd64",
		},
		"R21 a manifest list by a tool that says what the images are": {
			// as crane and ko do: they set artifactType to the media type of the config
			registry.Index(docker, registry.For("linux/amd64", imageFor("linux/amd64", registry.Docker()))),
			[]string{"linux/amd64"}, "linux/amd64",
		},
		"R21 an index for two systems": {
			registry.Index(plain, entryFor("windows/amd64"), entryFor("linux/ppc64le")),
			[]string{"linux/ppc64le", "windows/amd64"}, "linux/ppc64le",
		},
		"R21 an index for arm64 and Windows": {
			registry.Index(plain, entryFor("windows/amd64"), entryFor("linux/s390x"), entryFor("linux/arm64")),
			[]string{"linux/arm64", "linux/s390x", "windows/amd64"}, "linux/arm64",
		},
		"R21 an index that says no platform": {
			registry.Index(plain, registry.Bare(imageFor("linux/arm64"))), []string{"linux/arm64"}, "linux/arm64",
		},
		"R21 an empty index": {
			registry.Index(plain), []string{}, userless,
		},
		"R21 no image but a chart": {
			registry.RawImage([]byte(`{"name":"chart"}`), helm), []string{}, userless,
		},
		"R21 an index of no images but a chart": {
			registry.Index(plain, registry.Bare(registry.RawImage([]byte(`{"name":"chart"}`), helm))), []string{}, userless,
		},
		"R21 a config that is no JSON": {
			registry.RawImage([]byte("<html>"), registry.OCITypes), []string{}, userless,
		},
		"R21 a config of the wrong types": {
			registry.RawImage([]byte(`{"os":"linux","architecture":"amd64","config":{"User":1}}`), registry.DockerTypes), []string{}, userless,
		},
		"R21 a config that says no platform": {
			registry.RawImage([]byte(`{"config":{"User":"1000"}}`), registry.OCITypes), []string{}, "1000",
		},
		"R21 a config with a start interval and an odd history": {
			registry.RawImage([]byte(`{"os":"linux","architecture":"amd64","history":7,`+
				`"config":{"User":"1000","Healthcheck":{"Test":["CMD","true"],"StartInterval":5000000000}}}`), registry.DockerTypes),
			[]string{"linux/amd64"}, "1000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reference, digest := push(t, open, "answers:"+tagOf(name), test.content)
			found := start(t, image.Options{}, open).resolve(shop, reference)
			wantDigest(t, found, digest)
			if got := platforms(found); !slices.Equal(got, test.platforms) {
				t.Errorf("the platforms are %v, want %v", got, test.platforms)
			}
			if got := user(found); got != test.user {
				t.Errorf("the config of %s was read, want %s", got, test.user)
			}
			// a reference by digest, with or without the tag, has the same result
			for _, pinned := range []string{open.Host() + "/answers@" + digest, reference + "@" + digest} {
				again := start(t, image.Options{}, open).resolve(shop, pinned)
				wantDigest(t, again, digest)
				if !slices.Equal(again.Platforms, found.Platforms) || user(again) != user(found) {
					t.Errorf("%s is %+v, want %+v", pinned, again, found)
				}
			}
		})
	}
}

func TestStartInterval(t *testing.T) {
	t.Parallel()
	r, b, repository := open, start(t, image.Options{}, open), fresh("app")
	reference, _ := push(t, r, repository+":1", registry.RawImage(
		[]byte(`{"config":{"Healthcheck":{"Test":["CMD","true"],"StartInterval":5000000000}}}`), registry.DockerTypes))
	found := b.resolve(shop, reference)
	if found.Config == nil || found.Config.Healthcheck == nil || found.Config.Healthcheck.StartInterval != 5*time.Second {
		t.Errorf("R21 the config is %+v, want a health check with a start interval of 5s", found.Config)
	}
}

// The index has the platforms of a real one; its images are generated.
func TestSixPlatforms(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("..", "..", "internal", "imageconfig", "testdata", "index-six-platforms.json"))
	if err != nil {
		t.Fatal(err)
	}
	theirs := v1.IndexManifest{}
	if err := json.Unmarshal(content, &theirs); err != nil {
		t.Fatal(err)
	}
	var entries []registry.Entry
	for _, manifest := range theirs.Manifests {
		if manifest.Annotations["vnd.docker.reference.type"] == "" {
			entries = append(entries, entryFor(manifest.Platform.String()))
		}
	}
	if len(entries) < 6 {
		t.Fatalf("the file has %d images", len(entries))
	}
	slices.Reverse(entries) // the one whose config is read comes last

	r, b, repository := open, start(t, image.Options{}, open), fresh("app")
	reference, digest := push(t, r, repository+":1", registry.Index(registry.IndexOptions{Attestations: true}, entries...))
	found := b.resolve(shop, reference)
	wantDigest(t, found, digest)
	want := []string{}
	for _, manifest := range theirs.Manifests {
		platform := manifest.Platform.OS + "/" + manifest.Platform.Architecture
		if platform != "unknown/unknown" && !slices.Contains(want, platform) {
			want = append(want, platform)
		}
	}
	slices.Sort(want)
	if got := platforms(found); !slices.Equal(got, want) {
		t.Errorf("R21 the platforms are %v, want %v", got, want)
	}
	if got := user(found); got != "linux/amd64" {
		t.Errorf("R21 the config of %s was read, want linux/amd64", got)
	}
	if n := r.Count(asks(repository, registry.Blob, http.MethodGet)); n != 1 {
		t.Errorf("R21 %d blobs were read, want the one config", n)
	}
}

// Layers are never read.
func TestReadsNoLayer(t *testing.T) {
	t.Parallel()
	r, b, repository := open, start(t, image.Options{}, open), fresh("app")
	reference, digest := push(t, r, repository+":1", registry.Image(registry.User("1000")))
	layer, err := static.NewLayer(make([]byte, 1024), "").Digest() // the layer of all images in the tests
	if err != nil {
		t.Fatal(err)
	}
	wantDigest(t, b.resolve(shop, reference), digest)
	for _, request := range r.Requests() {
		if request.Path == "/v2/"+repository+"/blobs/"+layer.String() {
			t.Errorf("R21 a layer was read")
		}
	}
	if n := r.Count(asks(repository, registry.Blob, http.MethodGet)); n != 1 {
		t.Errorf("R21 %d blobs were read, want the one config", n)
	}
}

// A reference with a tag and a digest resolves to the digest even if the tag has moved.
func TestTagAndDigest(t *testing.T) {
	t.Parallel()
	r, b, repository := open, start(t, image.Options{}, open), fresh("app")
	reference, old := push(t, r, repository+":1", registry.Image(registry.User("old")))
	push(t, r, repository+":1", registry.Image(registry.User("new")))
	found := b.resolve(shop, reference+"@"+old)
	wantDigest(t, found, old)
	if got := user(found); got != "old" {
		t.Errorf("R21 the config of the %s image was read", got)
	}
	if n := r.Count(func(q registry.Request) bool { return q.Path == "/v2/"+repository+"/manifests/1" }); n != 0 {
		t.Errorf("R21 the tag was requested")
	}
}

// If an index lacks the platforms of its images, pods must not be kept off nodes of any of them.
func TestIndexWithoutPlatforms(t *testing.T) {
	t.Parallel()
	arm64, amd64 := imageFor("linux/arm64"), imageFor("linux/amd64")
	for name, index := range map[string]v1.ImageIndex{
		"R21 none is said": registry.Index(registry.IndexOptions{}, registry.Bare(arm64), registry.Bare(amd64)),
		"R21 one is said":  registry.Index(registry.IndexOptions{}, registry.For("linux/arm64", arm64), registry.Bare(amd64)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reference, digest := push(t, open, "bare:"+tagOf(name), index)
			found := start(t, image.Options{}, open).resolve(shop, reference)
			wantDigest(t, found, digest)
			if got := platforms(found); len(got) != 0 && !slices.Equal(got, []string{"linux/amd64", "linux/arm64"}) {
				t.Errorf("the platforms are %v, want both or none", got)
			}
		})
	}
}

// The platforms of an index that is read only in part are either complete or unknown.
func TestIndexReadInPart(t *testing.T) {
	t.Parallel()
	var many []registry.Entry
	for range 70 {
		many = append(many, entryFor("linux/arm64"))
	}
	many = append(many, entryFor("linux/amd64"))
	deep := registry.Index(registry.IndexOptions{}, entryFor("linux/amd64"))
	for range 6 {
		deep = registry.Index(registry.IndexOptions{}, registry.Bare(deep))
	}
	for name, index := range map[string]v1.ImageIndex{
		"R21 many": registry.Index(registry.IndexOptions{}, many...),
		"R21 deep": registry.Index(registry.IndexOptions{}, entryFor("linux/arm64"), registry.Bare(deep)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reference, digest := push(t, open, "part:"+tagOf(name), index)
			found := start(t, image.Options{}, open).resolve(shop, reference)
			wantDigest(t, found, digest)
			if got := platforms(found); len(got) == 1 {
				t.Errorf("the platforms are only %v, want both or none", got)
			}
		})
	}
}

// Some registries add a parameter to the media type, which container runtimes ignore.
func TestTypeWithParameter(t *testing.T) {
	t.Parallel()
	content, err := imageFor("linux/arm64").RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	_, digest := push(t, open, "parameter:1", imageFor("linux/arm64"))
	f := newFront(t, open, false, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		says(w, string(types.OCIManifestSchema1)+"; charset=utf-8", content)
		return true
	})
	found := start(t, image.Options{Registries: image.Registries{PlainHTTP: []string{f.host()}}}).resolve(shop, f.host()+"/parameter:1")
	wantDigest(t, found, digest)
	if got := user(found); got != "linux/arm64" {
		t.Errorf("R21 the config of %s was read", got)
	}
}

// tagOf converts a name to a tag.
func tagOf(name string) string { return strings.ReplaceAll(name, " ", "-") }
