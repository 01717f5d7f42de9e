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

// secret is what no message may hold: answers of hosts that are not asked on
// purpose are full of it.
const secret = "the-secret-of-another-service"

// front is a server for what no registry does, before a real one or alone.
type front struct {
	*httptest.Server
	mu   sync.Mutex
	seen []*http.Request
}

// newFront runs a server that answers by itself where handle says that it did,
// and asks the registry, if there is one, otherwise.
func newFront(t *testing.T, r *registry.Registry, tls bool, handle func(w http.ResponseWriter, r *http.Request) bool) *front {
	t.Helper()
	behind := http.NotFoundHandler()
	if r != nil {
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: r.Direct()})
		proxy.ErrorLog = log.New(io.Discard, "", 0) // clients may go
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

// host is the server's address as it stands in names of images.
func (f *front) host() string {
	return strings.TrimPrefix(strings.TrimPrefix(f.URL, "http://"), "https://")
}

// requests are those that came so far.
func (f *front) requests() []*http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*http.Request(nil), f.seen...)
}

// authority is the certificate by which the server is trusted.
func (f *front) authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
}

// says answers with the content.
func says(w http.ResponseWriter, contentType string, content []byte) {
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(content) // the client may have gone
}
