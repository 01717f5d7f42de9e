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

// The limits on responses, in bytes. Anyone may be the sender, and parsed content takes many times
// its size in memory.
const (
	maxManifest = 256 << 10
	maxBody     = 512 << 10
)

// maxRequests limits the requests of one lookup, including redirects.
const maxRequests = 40

var (
	errPlainHTTP = errors.New("plain HTTP is not allowed for this registry")
	errTooMany   = fmt.Errorf("more than %d requests", maxRequests)
	errSentOn    = errors.New("the registry redirects to plain HTTP")
	errTooLarge  = errors.New("more than is read of one")
)

// newTransport returns the transport for all registries. It returns an error if the CA certificates
// are invalid.
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

// guard enforces the configured restrictions, limits responses, and records what the client library
// does not return.
type guard struct {
	plain []string
	next  http.RoundTripper
}

// notes are the observations of the responses during one lookup.
type notes struct {
	mu       sync.Mutex
	requests int
	seen
}

// count counts a request and resets the status, because its response is not known yet.
func (n *notes) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.requests++
	n.status = 0
	return n.requests
}

// seen holds details of responses that the client library does not return.
type seen struct {
	// digest is the last manifest's digest according to the registry.
	digest string
	// status is the status code of the last response if it is an error, otherwise 0.
	status int
	// after is the Retry-After time of the registry; 0 if none.
	after time.Duration
}

type notesKey struct{}

// withNotes returns a context whose requests record their notes.
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
		return nil, err //nolint:wrapcheck // it is classified by its type
	}
	if notes != nil {
		notes.take(request, response)
	}
	if plain, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err == nil {
		response.Header.Set("Content-Type", plain) // the library does not expect parameters
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
	if response.StatusCode >= http.StatusBadRequest && request.URL.Path != "/v2/" { // a 401 there only lists the accepted schemes
		n.status = response.StatusCode
	}
	if after := retryAfter(response.Header.Get("Retry-After")); after > 0 {
		n.after = min(after, longestRetry)
	}
}

// retryAfter parses the header: a number of seconds or a date (RFC 9110, section 10.2.3). It
// returns 0 if there is none.
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

// bounded is a response body of limited size.
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
	return n, err //nolint:wrapcheck // io.EOF must not be wrapped
}
