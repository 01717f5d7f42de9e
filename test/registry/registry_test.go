// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package registry_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/appstack-dev/appstack/test/registry"
)

// start runs a registry until the test ends.
func start(t *testing.T, options registry.Options) *registry.Registry {
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

// push pushes to the repository "app".
func push(t *testing.T, r *registry.Registry, tag string, content remote.Taggable) (digest string) {
	t.Helper()
	digest, err := r.Push(t.Context(), "app", tag, content)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// at returns the reference of :tag or @digest in the repository "app", at the front.
func at(t *testing.T, r *registry.Registry, what string) name.Reference {
	t.Helper()
	reference, err := name.ParseReference(r.Host() + "/app" + what)
	if err != nil {
		t.Fatal(err)
	}
	return reference
}

// trusting returns a transport that trusts the registry's certificate only.
func trusting(r *registry.Registry) *http.Transport {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(r.CA())
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
}

func TestPullsThroughTheDoor(t *testing.T) {
	t.Parallel()
	r := start(t, registry.Options{})
	image := registry.Image(registry.Expose("80/tcp"), registry.User("1000"))
	digest := push(t, r, "1", image)
	if n := r.Count(nil); n != 0 {
		t.Errorf("pushing counted %d requests: %v", n, r.Requests())
	}

	for _, what := range []string{":1", "@" + digest} {
		r.Reset()
		pulled, err := remote.Image(at(t, r, what), remote.WithContext(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := pulled.Digest(); err != nil || got.String() != digest {
			t.Errorf("%s is %s, not %s: %v", what, got, digest, err)
		}
		file, err := pulled.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if _, exposed := file.Config.ExposedPorts["80/tcp"]; !exposed || file.Config.User != "1000" {
			t.Errorf("%s has configuration %+v", what, file.Config)
		}
		for _, kind := range []registry.Kind{registry.Ping, registry.Manifest, registry.Blob} {
			if n := r.Count(registry.OfKind(kind)); n != 1 {
				t.Errorf("%s took %d requests of kind %s: %v", what, n, kind, r.Requests())
			}
		}
	}
}

func TestPushesThroughTheDoor(t *testing.T) {
	t.Parallel()
	for _, options := range []registry.Options{{}, {TLS: true}} {
		r := start(t, options)
		way := http.RoundTripper(&http.Transport{})
		if options.TLS {
			way = trusting(r)
		}
		err := remote.Push(at(t, r, ":1"), registry.Image(), remote.WithContext(t.Context()), remote.WithTransport(way))
		if err != nil {
			t.Fatal(err)
		}
		uploads := r.Count(func(request registry.Request) bool {
			return request.Kind == registry.Blob && request.Method == http.MethodPut
		})
		if uploads != 2 {
			t.Errorf("TLS %t: %d uploads of a layer and a configuration ended at the door: %v", options.TLS, uploads, r.Requests())
		}
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	r := start(t, registry.Options{Users: map[string]string{"ann": "secret", "bob": "other:secret"}})
	push(t, r, "1", registry.Image())

	_, err := remote.Get(at(t, r, ":1"), remote.WithContext(t.Context()))
	wantStatus(t, err, http.StatusUnauthorized)
	wrong := remote.WithAuth(&authn.Basic{Username: "bob", Password: "secret"})
	_, err = remote.Get(at(t, r, ":1"), remote.WithContext(t.Context()), wrong)
	wantStatus(t, err, http.StatusUnauthorized)
	right := remote.WithAuth(&authn.Basic{Username: "bob", Password: "other:secret"})
	if _, err := remote.Get(at(t, r, ":1"), remote.WithContext(t.Context()), right); err != nil {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	r := start(t, registry.Options{TLS: true, Users: map[string]string{"ann": "secret"}})
	push(t, r, "1", registry.Image())
	ann := remote.WithAuth(&authn.Basic{Username: "ann", Password: "secret"})

	_, err := remote.Get(at(t, r, ":1"), remote.WithContext(t.Context()), ann)
	if unknown := (x509.UnknownAuthorityError{}); !errors.As(err, &unknown) {
		t.Errorf("without the authority: %v", err)
	}
	_, err = remote.Get(at(t, r, ":1"), remote.WithContext(t.Context()), ann, remote.WithTransport(trusting(r)))
	if err != nil {
		t.Error(err)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	r := start(t, registry.Options{})
	way := &http.Transport{}
	t.Cleanup(way.CloseIdleConnections)
	for range 2 {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	}
	for _, host := range []string{r.Host(), r.Direct()} {
		if _, err := get(t.Context(), way, "http://"+host+"/v2/", ""); err == nil {
			t.Errorf("%s still answers", host)
		}
	}
}

// The program's output is in the error: here the program is this test, which does not know the flag.
func TestStartFails(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, err = registry.Start(t.Context(), registry.Options{Binary: program})
	if err == nil || !strings.Contains(err.Error(), "flag provided but not defined: -guarded") {
		t.Errorf("got %v", err)
	}
}

// response is an answer with its body.
type response struct {
	*http.Response
	body []byte
}

// get reads an answer until its end or an error.
func get(ctx context.Context, way http.RoundTripper, address, accept string) (response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return response{}, err
	}
	request.Header.Set("Accept", accept)
	answer, err := way.RoundTrip(request)
	if err != nil {
		return response{}, err
	}
	body, err := io.ReadAll(answer.Body)
	return response{Response: answer, body: body}, errors.Join(err, answer.Body.Close())
}

func wantStatus(t *testing.T, err error, code int) {
	t.Helper()
	failed := &transport.Error{}
	if !errors.As(err, &failed) || failed.StatusCode != code {
		t.Errorf("got %v, not status %d", err, code)
	}
}

// digestOf returns the digest of the content.
func digestOf(t *testing.T, content []byte) string {
	t.Helper()
	digest, _, err := v1.SHA256(strings.NewReader(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}
