// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package registry

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"time"
)

// door is the front of the registry for the code under test: a reverse proxy that forwards and records
// requests, and injects faults.
type door struct {
	host      string
	backend   *url.URL
	transport http.RoundTripper
	tls       *tls.Config // nil without TLS

	deciding sync.Mutex // decide is called for one request at a time
	mu       sync.Mutex
	requests []Request
	decide   func(Request) Fault
	healed   chan struct{} // closed when the faults end
	opened   *opening      // nil while connections are refused
}

// opening is the state between opening and closing the front.
type opening struct {
	listener net.Listener
	server   *http.Server
	ended    chan struct{}
}

// healLimit is how long the front tries to listen on its port again.
const healLimit = 5 * time.Second

func openDoor(backend *url.URL, transport http.RoundTripper, serving *tls.Config) (*door, error) {
	d := &door{backend: backend, transport: transport, tls: serving, healed: make(chan struct{})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening the registry's door: %w", err)
	}
	d.host = listener.Addr().String()
	d.serve(listener)
	return d, nil
}

// Requests returns the requests since the start or the last Reset, in order.
func (d *door) Requests() []Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.requests)
}

// Count returns the number of requests for which f returns true; of all if f is nil.
func (d *door) Count(f func(Request) bool) int {
	n := 0
	for _, request := range d.Requests() {
		if f == nil || f(request) {
			n++
		}
	}
	return n
}

// Reset deletes the recorded requests. Faults stay.
func (d *door) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = nil
}

// Fault calls f for each request from now on, one at a time, and injects the fault that f returns; nil
// forwards the request. It replaces an earlier f.
func (d *door) Fault(f func(Request) Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.decide = f
}

// Refuse ends all connections and refuses new ones, until Recover. See the fault
// of the same name for refusing from a certain request on.
func (d *door) Refuse() {
	d.mu.Lock()
	opened := d.opened
	d.opened = nil
	d.mu.Unlock()
	if opened == nil {
		return
	}
	_ = opened.listener.Close() // the server might not know of it yet
	_ = opened.server.Close()
	<-opened.ended
}

// Recover ends all faults: it closes the connections of requests that hang, and listens again at the same
// address if the front was closed.
func (d *door) Recover() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.decide = nil
	close(d.healed)
	d.healed = make(chan struct{})
	if d.opened != nil {
		return nil
	}
	listener, err := listenAgain(d.host)
	if err != nil {
		return fmt.Errorf("opening the registry's door again: %w", err)
	}
	d.serve(listener)
	return nil
}

// shut closes the front permanently.
func (d *door) shut() {
	d.Refuse()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.decide = nil
	close(d.healed)
	d.healed = make(chan struct{})
}

// listenAgain listens on the earlier port. A connection of another process may use the port for a
// moment.
func listenAgain(address string) (net.Listener, error) {
	deadline := time.NewTimer(healLimit)
	defer deadline.Stop()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		listener, err := net.Listen("tcp", address)
		if err == nil {
			return listener, nil
		}
		select {
		case <-deadline.C:
			return nil, err
		case <-ticker.C:
		}
	}
}

// serve accepts connections of the listener. The caller holds d.mu, or is the only user of d.
func (d *door) serve(listener net.Listener) {
	opened := &opening{listener: listener, ended: make(chan struct{})}
	// HTTP/1.1 only, so that a closed connection looks the same with and without TLS.
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	opened.server = &http.Server{
		Handler:   http.HandlerFunc(d.answer),
		TLSConfig: d.tls.Clone(),
		Protocols: protocols,
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	d.opened = opened
	go func() {
		defer close(opened.ended)
		if d.tls == nil {
			_ = opened.server.Serve(listener) // it always ends with an error
			return
		}
		_ = opened.server.ServeTLS(listener, "", "")
	}()
}

// answer handles a request.
func (d *door) answer(w http.ResponseWriter, r *http.Request) {
	request := Request{Method: r.Method, Path: r.URL.Path, Kind: kindOf(r.URL.Path)}
	d.mu.Lock()
	d.requests = append(d.requests, request)
	decide, healed := d.decide, d.healed
	d.mu.Unlock()
	fault := d.ask(decide, request)
	if fault == nil {
		d.pass(w, r, nil)
		return
	}
	fault.serve(d, healed, w, r)
}

func (d *door) ask(decide func(Request) Fault, request Request) Fault {
	if decide == nil {
		return nil
	}
	d.deciding.Lock()
	defer d.deciding.Unlock()
	return decide(request)
}

// pass forwards the request to the registry, and returns its response, modified by change unless that
// is nil.
func (d *door) pass(w http.ResponseWriter, r *http.Request, change func(*http.Response) error) {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(d.backend)
			p.Out.Host = p.In.Host // whatever the registry says about itself leads to the door
		},
		Transport:      d.transport,
		FlushInterval:  -1, // what has been read is sent, also when the rest never comes
		ModifyResponse: change,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, fmt.Sprint("the registry's door: ", err), http.StatusBadGateway)
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	proxy.ServeHTTP(w, r)
}
