// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// patience is the timeout for tests that would hang.
const patience = 30 * time.Second

// process is a program that runs inside the test's process.
type process struct {
	stop           context.CancelFunc // as SIGTERM does
	ports          chan int           // the port that it would listen on
	addresses      chan string        // where it listens instead
	ended          chan int           // the exit code
	stdout, stderr *output
}

func start(t *testing.T, env map[string]string, args ...string) *process {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	p := &process{
		stop:      stop,
		ports:     make(chan int, 1),
		addresses: make(chan string, 1),
		ended:     make(chan int, 1),
		stdout:    &output{},
		stderr:    &output{},
	}
	program := program{
		getenv: func(name string) string { return env[name] },
		stdout: p.stdout,
		stderr: p.stderr,
		listen: func(port int) (net.Listener, error) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err == nil {
				p.ports <- port
				p.addresses <- listener.Addr().String()
			}
			return listener, err
		},
	}
	go func() { p.ended <- program.run(ctx, args) }()
	t.Cleanup(stop)
	return p
}

// receive returns <-from, or fails after patience.
func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// eventually polls until the condition is true.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	for deadline := time.Now().Add(patience); !yes(); <-ticks.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// output is a buffer that may be read while it is written to.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(data)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// answer is the response to a request.
type answer struct {
	status int
	body   string
	header http.Header
	close  bool // the connection is closed after it
}

func request(t *testing.T, client *http.Client, method, url string) answer {
	t.Helper()
	got, err := try(t.Context(), client, method, url)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func try(ctx context.Context, client *http.Client, method, url string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return answer{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }() // it is only read
	body, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, body: string(body), header: response.Header, close: response.Close}, err
}

// newClient returns a client with its own connections, which are closed at the end of the test.
func newClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}
