// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	ggcrtypes "github.com/google/go-containerregistry/pkg/v1/types"
	"k8s.io/utils/lru"

	"github.com/appstack-dev/appstack/internal/model"
)

const someDigest = "sha256:7f26daed4d7e002bcdeff4f2b604bae5e23ee88bb0206c78d8f10804f72c9578"

func TestParse(t *testing.T) {
	r := &registry{Registries: Registries{PlainHTTP: []string{"plain.example.com", "registry:5000"}}}
	for reference, test := range map[string]struct{ name, host, scheme string }{
		"nginx":                               {"index.docker.io/library/nginx:latest", "index.docker.io", "https"},
		"nginx:1.31":                          {"index.docker.io/library/nginx:1.31", "index.docker.io", "https"},
		"team/app":                            {"index.docker.io/team/app:latest", "index.docker.io", "https"},
		"docker.io/nginx":                     {"index.docker.io/library/nginx:latest", "index.docker.io", "https"},
		"docker.io/library/nginx:1":           {"index.docker.io/library/nginx:1", "index.docker.io", "https"},
		"index.docker.io/team/app":            {"index.docker.io/team/app:latest", "index.docker.io", "https"},
		"ghcr.io/team/app:v1":                 {"ghcr.io/team/app:v1", "ghcr.io", "https"},
		"nginx@" + someDigest:                 {"index.docker.io/library/nginx@" + someDigest, "index.docker.io", "https"},
		"ghcr.io/app:v1@" + someDigest:        {"ghcr.io/app@" + someDigest, "ghcr.io", "https"},
		"registry.example.com:5000/app":       {"registry.example.com:5000/app:latest", "registry.example.com:5000", "https"},
		"registry.example.com:5000/app:1":     {"registry.example.com:5000/app:1", "registry.example.com:5000", "https"},
		"plain.example.com/app":               {"plain.example.com/app:latest", "plain.example.com", "http"},
		"plain.example.com/app@" + someDigest: {"plain.example.com/app@" + someDigest, "plain.example.com", "http"},
		"plain.example.com:80/app":            {"plain.example.com:80/app:latest", "plain.example.com:80", "https"},
		"registry:5000/a/b/c:1":               {"registry:5000/a/b/c:1", "registry:5000", "http"},
	} {
		t.Run("R21 "+reference, func(t *testing.T) {
			ref, err := r.parse(reference)
			if err != nil {
				t.Fatal(err)
			}
			if ref.Name() != test.name || ref.Context().RegistryStr() != test.host || ref.Context().Scheme() != test.scheme {
				t.Errorf("parsed as %s of %s by %s, want %+v", ref.Name(), ref.Context().RegistryStr(), ref.Context().Scheme(), test)
			}
		})
	}
	for _, reference := range []string{
		"", " ", ":", "@", "nginx:", "Nginx", "nginx:a b", "nginx@sha256:0", "nginx@" + someDigest + "0", "nginx@md5:0",
		"https://ghcr.io/app", "ghcr.io/", "a@" + someDigest + "@" + someDigest, "ann:secret@ghcr.io/app", strings.Repeat("a", 300),
	} {
		t.Run("R21 not "+reference, func(t *testing.T) {
			if ref, err := r.parse(reference); err == nil {
				t.Errorf("parsed as %s", ref.Name())
			}
		})
	}
}

func TestSkips(t *testing.T) {
	for name, test := range map[string]struct {
		skip  string
		host  string
		skips bool
	}{
		"R23 nothing":                {"", "ghcr.io", false},
		"R23 the host":               {"quay.io ghcr.io", "ghcr.io", true},
		"R23 another one":            {"quay.io", "ghcr.io", false},
		"R23 all":                    {"*", "ghcr.io", true},
		"R23 Docker Hub":             {"docker.io", name.DefaultRegistry, true},
		"R23 Docker Hub by its name": {name.DefaultRegistry, name.DefaultRegistry, true},
		"R23 Docker Hub only":        {"docker.io", "ghcr.io", false},
		"R23 another port":           {"ghcr.io", "ghcr.io:5000", false},
		"R23 a part":                 {"io", "ghcr.io", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := &registry{Registries: Registries{Skip: strings.Fields(test.skip)}}
			if got := r.skips(test.host); got != test.skips {
				t.Errorf("%s is skipped: %t, want %t", test.host, got, test.skips)
			}
		})
	}
}

func TestRankOf(t *testing.T) {
	order := []model.Platform{
		{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"},
		{OS: "linux", Architecture: "s390x"}, {OS: "windows", Architecture: "amd64"},
	}
	for i := range order[1:] {
		if rankOf(order[i]) >= rankOf(order[i+1]) {
			t.Errorf("R21 %s is not before %s", order[i], order[i+1])
		}
	}
	if rankOf(model.Platform{}) <= rankOf(order[2]) {
		t.Error("R21 an unknown platform is before Linux")
	}
}

func TestIsAttestation(t *testing.T) {
	linux := &v1.Platform{OS: "linux", Architecture: "amd64"}
	for name, test := range map[string]struct {
		child v1.Descriptor
		is    bool
	}{
		"R21 an image":                  {v1.Descriptor{Platform: linux}, false},
		"R21 an image of no platform":   {v1.Descriptor{}, false},
		"R21 an OCI image that says so": {v1.Descriptor{Platform: linux, ArtifactType: string(ggcrtypes.OCIConfigJSON)}, false},
		"R21 a Docker image that does":  {v1.Descriptor{Platform: linux, ArtifactType: string(ggcrtypes.DockerConfigJSON)}, false},
		"R21 an image with annotations": {v1.Descriptor{Platform: linux, Annotations: map[string]string{"a": "b"}}, false},
		"R21 an index of BuildKit": {
			v1.Descriptor{Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"}}, true,
		},
		"R21 for no platform":            {v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}}, true},
		"R21 for no platform on Linux":   {v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "unknown"}}, true},
		"R21 a list of what is in it":    {v1.Descriptor{ArtifactType: "application/spdx+json"}, true},
		"R21 a signature for a platform": {v1.Descriptor{Platform: linux, ArtifactType: "application/vnd.dev.cosign.artifact.sig.v1+json"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := isAttestation(test.child); got != test.is {
				t.Errorf("got %t, want %t", got, test.is)
			}
		})
	}
}

// A reference is always parsed the same way, and the host that is asked is the one that other
// parsers see.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"nginx", "nginx:1", "docker.io/nginx", "a.b/c:d@" + someDigest, "localhost:5000/a", "[::1]:5000/a", "10.0.0.5/a", "a@b@c", "http://a/b", "a/../b:c", "é/b", "ann:pw@host/app",
	} {
		f.Add(seed, seed)
		f.Add(seed, "a.b")
	}
	f.Fuzz(func(t *testing.T, reference, plain string) {
		r := &registry{Registries: Registries{PlainHTTP: []string{plain}}}
		ref, err := r.parse(reference)
		if err != nil {
			if !utf8.ValidString(err.Error()) && utf8.ValidString(reference) {
				t.Errorf("the error is not valid text: %q", err)
			}
			return
		}
		host := ref.Context().RegistryStr()
		again, err := r.parse(ref.Name())
		if err != nil || again.Name() != ref.Name() || again.Context().RegistryStr() != host {
			t.Errorf("R21 %q is parsed as %s, which is parsed as %v: %v", reference, ref.Name(), again, err)
		}
		if host == "" || strings.ContainsAny(host, "/@ \n") {
			t.Errorf("R21 the host of %q is %q", reference, host)
		}
		allowed, err := (&registry{Registries: Registries{PlainHTTP: []string{host}}}).parse(reference)
		if err != nil || allowed.Name() != ref.Name() || allowed.Context().Scheme() != "http" {
			t.Errorf("R23 %q may use plain HTTP: %v: %v", reference, allowed, err)
		}
	})
}

// Whatever a registry sends, nothing panics, the digest is that of the manifest, and messages
// contain only the operator's own text.
func FuzzAnswers(f *testing.F) {
	manifest, config := tiny("1000")
	index := fmt.Appendf(nil, `{"schemaVersion":2,"manifests":[`+
		`{"mediaType":%q,"digest":%q,"size":%d,"platform":{"os":"linux","architecture":"amd64"}}]}`,
		ggcrtypes.OCIManifestSchema1, digestOf(manifest), len(manifest))
	self := []byte(`{"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"` + someDigest + `","size":1}]}`)
	for _, mediaType := range []string{
		string(ggcrtypes.OCIManifestSchema1), string(ggcrtypes.OCIImageIndex), string(ggcrtypes.DockerManifestSchema1Signed), "text/html", "",
	} {
		for _, content := range [][]byte{manifest, index, self, []byte("null"), []byte(`{"config":null,"manifests":[null]}`), nil} {
			f.Add(mediaType, content, manifest, config, digestOf(content), 200)
			f.Add(mediaType, content, index, []byte("null"), "", 401)
			f.Add(mediaType, content, index, config, someDigest, 200)
		}
	}
	f.Add(string(ggcrtypes.OCIManifestSchema1), manifest, manifest, config, "A secret!", 200)
	f.Fuzz(func(t *testing.T, mediaType string, first, others, blob []byte, says string, code int) {
		if code < 100 || code > 999 || strings.ContainsAny(says+mediaType, "\r\n\x00") {
			return // not a valid response
		}
		r := &registry{contents: lru.New(kept)}
		requests := 0
		r.transport = server(func(request *http.Request) (*http.Response, error) {
			if requests++; requests > 200 {
				t.Fatal("R23 the look-up does not end")
			}
			var response *http.Response
			switch {
			case strings.Contains(request.URL.Path, "/blobs/"):
				response = answer(request, http.StatusOK, "", blob)
			case strings.HasSuffix(request.URL.Path, "/manifests/1"):
				response = answer(request, code, mediaType, first)
				response.Header.Set("Docker-Content-Digest", says)
			case strings.Contains(request.URL.Path, "/manifests/"):
				response = answer(request, http.StatusOK, mediaType, others)
			default:
				response = answer(request, http.StatusOK, "", nil)
			}
			if seen, ok := request.Context().Value(notesKey{}).(*notes); ok {
				seen.take(request, response)
			}
			return response, nil
		})
		found, failure := r.image(t.Context(), "registry.example.com/app:1", []authn.Authenticator{authn.Anonymous}, "")
		if failure != nil {
			does, ok := strings.CutPrefix(failure.Message, "registry.example.com/app:1: the registry ")
			if !ok || !words.MatchString(does) {
				t.Errorf("R23 the message is %q", failure.Message)
			}
			return
		}
		signed := strings.HasPrefix(mediaType, string(ggcrtypes.DockerManifestSchema1Signed))
		if found.Digest != digestOf(first) && !signed {
			t.Errorf("R21 the digest is %s, want %s", found.Digest, digestOf(first))
		}
		for _, platform := range found.Platforms {
			if platform.OS == "" || platform.Architecture == "" {
				t.Errorf("R21 the platforms are %v", found.Platforms)
			}
		}
	})
}
