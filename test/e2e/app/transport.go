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

// idleAtMost is how long a kept connection may be unused. A client has to give it up before the server does: a server
// that drains closes what was idle for its DRAIN, whether or not a request is just on its way there. It is half of that.
const idleAtMost = time.Second

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// countedTransport counts what net/http does without saying: how many connections
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

// RoundTrip looks at each connection that the request is given. On the second, the
// first has failed. If nothing was written to it meanwhile, it was found closed,
// and no server has missed the request: that is no retry.
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

// countedConn knows how many bytes were written to it.
type countedConn struct {
	net.Conn

	written atomic.Uint64
}

func (c *countedConn) Write(data []byte) (int, error) {
	n, err := c.Conn.Write(data)
	c.written.Add(uint64(n))
	return n, err
}
