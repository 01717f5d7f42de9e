// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package images

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/appstack-dev/appstack/test/registry"
)

// secret must not appear in any message: it fills the answers of hosts that are
// not registries.
const secret = "the-secret-of-another-service"

// front is a server that misbehaves as no registry does, standalone or as a proxy of a real one.
type front struct {
	*httptest.Server
	mu   sync.Mutex
	seen []*http.Request
}

// newFront runs a server that forwards a request to the registry, if there is one,
// unless handle has answered it and returns true.
func newFront(t *testing.T, r *registry.Registry, tls bool, handle func(w http.ResponseWriter, r *http.Request) bool) *front {
	t.Helper()
	behind := http.NotFoundHandler()
	if r != nil {
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: r.Direct()})
		proxy.ErrorLog = log.New(io.Discard, "", 0) // clients may disconnect
		behind = proxy
	}
	f := &front{}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.seen = append(f.seen, r)
		f.mu.Unlock()
		if handle == nil || !handle(w, r) {
			behind.ServeHTTP(w, r)
		}
	}))
	if tls {
		f.StartTLS()
	} else {
		f.Start()
	}
	t.Cleanup(func() {
		f.CloseClientConnections()
		f.Close()
	})
	return f
}

// host returns the server's address as in image references.
func (f *front) host() string {
	return strings.TrimPrefix(strings.TrimPrefix(f.URL, "http://"), "https://")
}

// requests returns the requests so far.
func (f *front) requests() []*http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*http.Request(nil), f.seen...)
}

// authority returns the server's certificate, for use as a trusted CA.
func (f *front) authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
}

// says answers with the content.
func says(w http.ResponseWriter, contentType string, content []byte) {
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(content) // the client may have disconnected
}
