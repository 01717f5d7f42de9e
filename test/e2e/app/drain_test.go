// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// Servers under load are stopped one after the other as in a rolling update: first new
// connections go to the next server, while kept-alive connections stay. No request is
// lost, and none is sent twice.
func TestStopLosesNothing(t *testing.T) {
	const rounds = 6
	env := func(round int) map[string]string {
		return map[string]string{"VERSION": fmt.Sprintf("v%d", round), "DRAIN": "300ms"}
	}
	server := start(t, env(0))
	var current atomic.Value // the address of new connections
	current.Store(receive(t, "the address", server.addresses))
	load := startLoad("http://app.test/", 40, time.Minute, func(ctx context.Context, network, _ string) (net.Conn, error) {
		return direct(ctx, network, current.Load().(string))
	})
	answered := func(round int) func() bool {
		return func() bool {
			report := load.report()
			version := fmt.Sprintf("v%d", round)
			return min(report.KeepAlive.Answers[version], report.NewConnections.Answers[version]) > 3
		}
	}
	for round := 1; round <= rounds; round++ {
		eventually(t, "the server has answered both attacks", answered(round-1))
		next := start(t, env(round))
		current.Store(receive(t, "the address", next.addresses))
		server.stop()
		if code := receive(t, "the server to stop", server.ended); code != 0 {
			t.Errorf("exit code %d: %s", code, server.stderr)
		}
		server = next
	}
	eventually(t, "the last server has answered both attacks", answered(rounds))
	load.stop()

	report := load.report()
	for name, attack := range map[string]AttackReport{"keepAlive": report.KeepAlive, "newConnections": report.NewConnections} {
		if attack.Errors != 0 || attack.Retries != 0 {
			t.Errorf("%s: %d errors and %d retries in %d requests: %+v", name, attack.Errors, attack.Retries, attack.Requests, attack.FirstErrors)
		}
		if len(attack.Answers) != rounds+1 {
			t.Errorf("%s: answers %v, want %d versions", name, attack.Answers, rounds+1)
		}
	}
}

// The failures that the test above excludes are detectable: this server exits with requests in progress.
func TestHardStopIsSeen(t *testing.T) {
	var blocking atomic.Bool
	var inside atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if blocking.Load() {
			inside.Add(1)
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	next := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer next.Close()
	var current atomic.Value
	current.Store(server.Listener.Addr().String())
	load := startLoad("http://app.test/", 100, time.Minute, func(ctx context.Context, network, _ string) (net.Conn, error) {
		return direct(ctx, network, current.Load().(string))
	})
	eventually(t, "the server has answered both attacks", func() bool {
		report := load.report()
		return min(report.KeepAlive.Requests, report.NewConnections.Requests) > 5
	})
	blocking.Store(true)
	eventually(t, "requests are in progress", func() bool { return inside.Load() > 5 })
	current.Store(next.Listener.Addr().String())
	blocking.Store(false) // requests in progress stay blocked, and no new one blocks
	server.CloseClientConnections()
	load.stop()

	report := load.report()
	if report.KeepAlive.Retries == 0 {
		t.Errorf("no retries: %+v", report.KeepAlive)
	}
	if report.NewConnections.Errors == 0 {
		t.Errorf("no errors: %+v", report.NewConnections)
	}
}

// Requests from before the stop are answered, new connections are accepted for a while,
// and every answer announces that it is the last one of its connection.
func TestStopAnswersFirst(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	inside, release := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/slow", func(http.ResponseWriter, *http.Request) {
		inside <- struct{}{}
		<-release
	})
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	server := newServer(mux, 200*time.Millisecond)
	go func() { _ = server.http.Serve(listener) }() // it ends with ErrServerClosed
	url := "http://" + listener.Addr().String()

	kept := newClient(t)
	if got := request(t, kept, http.MethodGet, url); got.close {
		t.Error("a connection is closed while nothing is to stop")
	}
	slow := make(chan error, 1)
	slowly := newClient(t)
	go func() {
		got, err := try(t.Context(), slowly, http.MethodGet, url+"/slow")
		if err == nil && (got.status != 200 || !got.close) {
			err = fmt.Errorf("%+v, want 200 and the connection to be closed", got)
		}
		slow <- err
	}()
	receive(t, "the slow request", inside)

	stopped := make(chan error, 1)
	go func() { stopped <- server.stop() }()
	eventually(t, "the server drains", server.draining.Load)
	for name, client := range map[string]*http.Client{"kept": kept, "new": newClient(t)} {
		if got := request(t, client, http.MethodGet, url); got.status != 200 || !got.close {
			t.Errorf("on a %s connection the answer is %+v, want 200 and the connection to be closed", name, got)
		}
	}
	eventually(t, "the listener is closed", func() bool {
		conn, err := direct(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			return true
		}
		_ = conn.Close() // a connection without a request
		return false
	})
	select {
	case err := <-stopped:
		t.Fatalf("it stopped with a request in progress: %v", err)
	default:
	}
	close(release)
	if err := receive(t, "the slow answer", slow); err != nil {
		t.Errorf("the slow answer: %v", err)
	}
	if err := receive(t, "the server to stop", stopped); err != nil {
		t.Error(err)
	}
}
