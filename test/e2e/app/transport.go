// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// idleAtMost is how long a kept-alive connection may be idle. The client must close it before the server does: a draining
// server closes connections that were idle for its DRAIN, even if a request is on its way. It is half of that.
const idleAtMost = time.Second

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// countedTransport counts what net/http does not report: how many connections
// it opens, and which requests it sends twice.
type countedTransport struct {
	http        *http.Transport
	connections atomic.Uint64
	retries     atomic.Uint64
}

func newCountedTransport(dial dialer, keepAlive bool) *countedTransport {
	t := &countedTransport{}
	t.http = &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			t.connections.Add(1)
			return &countedConn{Conn: conn}, nil
		},
		DisableKeepAlives:   !keepAlive,
		MaxIdleConnsPerHost: vegeta.DefaultConnections,
		IdleConnTimeout:     idleAtMost,
	}
	return t
}

// RoundTrip observes each connection that the request gets. A second one means that the
// first failed. If nothing was written to the first, it was already closed, and no
// server received the request: this does not count as a retry.
func (t *countedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	var (
		before  *countedConn
		written uint64
	)
	trace := &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		if before != nil && before.written.Load() > written {
			t.retries.Add(1)
		}
		if conn, ok := got.Conn.(*countedConn); ok {
			before, written = conn, conn.written.Load()
		}
	}}
	return t.http.RoundTrip(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
}

// countedConn counts the bytes written to it.
type countedConn struct {
	net.Conn

	written atomic.Uint64
}

func (c *countedConn) Write(data []byte) (int, error) {
	n, err := c.Conn.Write(data)
	c.written.Add(uint64(n))
	return n, err
}
