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
	"mime"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How many bytes of an answer are read. What is sent is anybody's, and takes many
// times its size once it is parsed.
const (
	maxManifest = 256 << 10
	maxBody     = 512 << 10
)

// maxRequests is how many requests one look-up may take, redirects included.
const maxRequests = 40

var (
	errPlainHTTP = errors.New("plain HTTP is not allowed for this registry")
	errTooMany   = fmt.Errorf("more than %d requests", maxRequests)
	errSentOn    = errors.New("the registry redirects to plain HTTP")
	errTooLarge  = errors.New("more than is read of one")
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
	mu       sync.Mutex
	requests int
	seen
}

// count counts a request, whose answer is not known yet.
func (n *notes) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.requests++
	n.status = 0
	return n.requests
}

// seen is what the client library does not tell of answers.
type seen struct {
	// digest is what the registry says the last manifest's is.
	digest string
	// status is that of the last answer, where that is an error.
	status int
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
		if request.Response != nil {
			return nil, errSentOn
		}
		return nil, errPlainHTTP
	}
	notes, _ := request.Context().Value(notesKey{}).(*notes)
	if notes != nil && notes.count() > maxRequests {
		return nil, errTooMany
	}
	response, err := g.next.RoundTrip(request)
	if err != nil {
		return nil, err //nolint:wrapcheck // it is sorted by its type
	}
	if notes != nil {
		notes.take(request, response)
	}
	if plain, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err == nil {
		response.Header.Set("Content-Type", plain) // the library knows types without parameters only
	}
	limit := maxBody
	if strings.Contains(request.URL.Path, "/manifests/") {
		limit = maxManifest
	}
	response.Body = &bounded{ReadCloser: response.Body, left: limit + 1}
	return response, nil
}

func (n *notes) take(request *http.Request, response *http.Response) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if strings.Contains(request.URL.Path, "/manifests/") {
		n.digest = response.Header.Get("Docker-Content-Digest")
	}
	n.status = 0
	if response.StatusCode >= http.StatusBadRequest && request.URL.Path != "/v2/" { // that asks which credentials are wanted
		n.status = response.StatusCode
	}
	if after := retryAfter(response.Header.Get("Retry-After")); after > 0 {
		n.after = min(after, longestRetry)
	}
}

// retryAfter is the time that the header asks for: a number of seconds, or a date
// (RFC 9110, section 10.2.3).
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil {
		return time.Duration(max(0, min(seconds, int64(longestRetry/time.Second)))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

func (n *notes) all() seen {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen
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
