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

	// Together they are less than 30 seconds, after which Kubernetes kills the container.
	drainAtMost    = 15 * time.Second
	shutdownAtMost = 8 * time.Second
)

// server is an HTTP server that loses no request when it stops.
//
// Clients learn late that the server stops: new connections arrive until every node
// has updated its endpoints, and kept-alive connections stay on this server. So it
// continues to accept and to answer, but closes each connection with its next answer,
// which announces that to the client. When no request has arrived for a while, no
// client sends any more, and only connections that were idle for that long are left.
//
// http.Server.Shutdown and SetKeepAlivesEnabled(false) alone close all idle
// connections at once, even if a request is already on its way.
type server struct {
	http     *http.Server
	quiet    time.Duration
	requests atomic.Uint64
	draining atomic.Bool
}

// newServer sets no timeouts: a server that closes a connection by itself may lose a request on its way.
func newServer(handler http.Handler, quiet time.Duration) *server {
	s := &server{quiet: quiet}
	s.http = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != healthPath { // the kubelet never stops probing
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

// waitUntilQuiet checks many times instead of once. A process that got no CPU for a
// while has seen no requests in that time, and many are waiting when it resumes.
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
