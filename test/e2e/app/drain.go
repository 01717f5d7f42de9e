// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	healthPath = "/healthz"

	// Together they are less than the 30 seconds after which Kubernetes kills.
	drainAtMost    = 15 * time.Second
	shutdownAtMost = 8 * time.Second
)

// server is an HTTP server that loses no request when it stops.
//
// Those who send requests learn late that they should not: new connections go on
// to come until every node has heard, and one that is kept alive stays where it
// is. So the server goes on to accept and to answer, and only closes each
// connection with its next answer, which tells the client so beforehand. When no
// request has come for a while, nobody sends any more, and what is left are
// connections that have been idle for that long.
//
// http.Server.Shutdown and SetKeepAlivesEnabled(false) alone close the idle
// connections at once, those that a request is just on its way to as well.
type server struct {
	http     *http.Server
	quiet    time.Duration
	requests atomic.Uint64
	draining atomic.Bool
}

// newServer has no timeouts: a server that closes a connection by itself may lose what is on its way.
func newServer(handler http.Handler, quiet time.Duration) *server {
	s := &server{quiet: quiet}
	s.http = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != healthPath { // the kubelet does not stop to ask
			s.requests.Add(1)
		}
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})}
	return s
}

// stop returns when everything is answered.
func (s *server) stop() error {
	s.draining.Store(true)
	s.waitUntilQuiet()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownAtMost)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return fmt.Errorf("not all requests were answered: %w", err)
	}
	return nil
}

// waitUntilQuiet looks many times instead of once. A process that got no CPU for a
// while has seen no request either, and wakes up with all of them at its door.
func (s *server) waitUntilQuiet() {
	const looks = 20
	end := time.Now().Add(drainAtMost)
	for quiet, seen := 0, s.requests.Load(); quiet < looks && time.Now().Before(end); quiet++ {
		<-time.After(s.quiet / looks)
		if now := s.requests.Load(); now != seen {
			quiet, seen = -1, now
		}
	}
}
