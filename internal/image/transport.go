// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxBody is how many bytes of an answer are read: what the distribution
// specification wants a registry to take as a manifest at least.
const maxBody = 4 << 20

var (
	errPlainHTTP = errors.New("plain HTTP is not allowed for this registry")
	errTooLarge  = fmt.Errorf("more than %d bytes", maxBody)
)

// newTransport is the way to all registries.
func newTransport(registries Registries) (http.RoundTripper, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the system's certificates: %w", err)
	}
	if len(registries.CA) > 0 && !roots.AppendCertsFromPEM(registries.CA) {
		return nil, errors.New("the file with registries' certificates holds none: it is to be PEM")
	}
	return &guard{
		plain: registries.PlainHTTP,
		next: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: defaultTimeout, KeepAlive: 30 * time.Second}).DialContext,
			ForceAttemptHTTP2:   true,
			MaxIdleConns:        overall,
			MaxIdleConnsPerHost: perRegistry,
			IdleConnTimeout:     30 * time.Second,
			TLSHandshakeTimeout: defaultTimeout,
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		},
	}, nil
}

// guard keeps to what the configuration allows, bounds answers, and notes what
// the client library does not tell.
type guard struct {
	plain []string
	next  http.RoundTripper
}

// notes are what is seen of the answers during one look-up.
type notes struct {
	mu sync.Mutex
	// digest is what the registry says the last manifest's is.
	digest string
	// after is how long the registry wants to be left alone.
	after time.Duration
}

type notesKey struct{}

// withNotes is a context by which the notes are taken.
func withNotes(ctx context.Context, notes *notes) context.Context {
	return context.WithValue(ctx, notesKey{}, notes)
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != "https" && !slices.Contains(g.plain, request.URL.Host) {
		return nil, errPlainHTTP
	}
	response, err := g.next.RoundTrip(request)
	if err != nil {
		return nil, err //nolint:wrapcheck // it is sorted by its type
	}
	if notes, ok := request.Context().Value(notesKey{}).(*notes); ok {
		notes.take(request, response)
	}
	response.Body = &bounded{ReadCloser: response.Body, left: maxBody + 1}
	return response, nil
}

func (n *notes) take(request *http.Request, response *http.Response) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if strings.Contains(request.URL.Path, "/manifests/") {
		n.digest = response.Header.Get("Docker-Content-Digest")
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		n.after = min(time.Duration(seconds)*time.Second, longestRetry)
	}
}

func (n *notes) seen() (digest string, after time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.digest, n.after
}

// bounded is a body that is not read without end.
type bounded struct {
	io.ReadCloser
	left int
}

func (b *bounded) Read(into []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(into[:min(len(into), b.left)])
	b.left -= n
	return n, err //nolint:wrapcheck // io.EOF is to stay what it is
}
