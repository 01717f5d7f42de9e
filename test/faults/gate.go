// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package faults

import (
	"errors"
	"io"
	"net/http"
	"path"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// Gate delays or blocks the watches of one resource: the operator does not receive their events, but
// all others.
type Gate struct {
	// Resource is the resource of the watches, such as deployments.
	Resource string

	mu      sync.Mutex
	delay   time.Duration
	closed  bool
	expired bool
	streams map[*stream]struct{}
}

// Connect returns a client config that connects through the gate.
func (g *Gate) Connect(config *rest.Config) *rest.Config {
	way := rest.CopyConfig(config)
	way.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			if !g.before(request) {
				return next.RoundTrip(request)
			}
			if g.expires(request) {
				return refuse(http.StatusGone, metav1.StatusReasonExpired, 0)(request, next, nil)
			}
			response, err := next.RoundTrip(request)
			if err != nil || response.StatusCode != http.StatusOK {
				return response, err
			}
			response.Body = g.open(response.Body)
			return response, nil
		})
	})
	return way
}

// SetDelay delays all events from now on.
func (g *Gate) SetDelay(delay time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.delay = delay
}

// Close blocks all events.
func (g *Gate) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

// Reopen opens the gate again. Events in between are lost, as for a watch that ended and is too old to
// continue: the operator lists the current objects.
func (g *Gate) Reopen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed, g.expired = false, true
	for stream := range g.streams {
		stream.cut()
	}
}

// before reports whether the request is a watch of the gate's resource.
func (g *Gate) before(request *http.Request) bool {
	return path.Base(request.URL.Path) == g.Resource && request.URL.Query().Has("watch")
}

// expires reports whether the watch is too old to continue. It does so once, and not for a watch that
// starts with the current objects.
func (g *Gate) expires(request *http.Request) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	expired := g.expired && !request.URL.Query().Has("sendInitialEvents")
	if expired {
		g.expired = false
	}
	return expired
}

// passable reports whether events of the given time pass the gate, and with which delay.
func (g *Gate) passable(came time.Time) (left time.Duration, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Until(came.Add(g.delay)), !g.closed
}

// open returns a stream through the gate.
func (g *Gate) open(body io.ReadCloser) io.ReadCloser {
	s := &stream{gate: g, body: body, chunks: make(chan chunk, 4096), ended: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.streams == nil {
		g.streams = map[*stream]struct{}{}
	}
	g.streams[s] = struct{}{}
	go s.hear()
	return s
}

// chunk is data with the time at which it arrived.
type chunk struct {
	came  time.Time
	bytes []byte
	err   error
}

// stream is the body of a watch, delayed or blocked.
type stream struct {
	gate   *Gate
	body   io.ReadCloser
	chunks chan chunk
	rest   []byte
	ended  chan struct{}
	once   sync.Once
}

// errCut ends a watch that the gate has closed.
var errCut = errors.New("the watch was cut")

func (s *stream) cut() { s.once.Do(func() { close(s.ended) }) }

// hear reads all data, whether or not it may pass.
func (s *stream) hear() {
	for {
		buffer := make([]byte, 64<<10)
		n, err := s.body.Read(buffer)
		select {
		case s.chunks <- chunk{time.Now(), buffer[:n], err}:
		case <-s.ended:
			return
		}
		if err != nil {
			return
		}
	}
}

// Read implements io.Reader.
func (s *stream) Read(into []byte) (int, error) {
	if len(s.rest) > 0 {
		n := copy(into, s.rest)
		s.rest = s.rest[n:]
		return n, nil
	}
	var next chunk
	select {
	case <-s.ended:
		return 0, errCut
	case next = <-s.chunks:
	}
	for {
		left, ok := s.gate.passable(next.came)
		if ok && left <= 0 {
			break
		}
		select {
		case <-s.ended:
			return 0, errCut
		case <-time.After(max(left, look)):
		}
	}
	n := copy(into, next.bytes)
	s.rest = next.bytes[n:]
	if n == 0 {
		return 0, next.err
	}
	return n, nil
}

// look is the interval at which a closed gate is checked.
const look = 20 * time.Millisecond

// Close implements io.Closer.
func (s *stream) Close() error {
	s.cut()
	s.gate.mu.Lock()
	delete(s.gate.streams, s)
	s.gate.mu.Unlock()
	return s.body.Close()
}
