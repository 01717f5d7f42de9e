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

// door is the way to the registry for those under test. It lets everything pass,
// writes it down, and misbehaves where it is told to.
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

// opening is the time from one opening of the door to its closing.
type opening struct {
	listener net.Listener
	server   *http.Server
	ended    chan struct{}
}

// healLimit is how long a door tries to get its port back.
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

// Requests are those that came since the start or the last Reset, in their order.
func (d *door) Requests() []Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.requests)
}

// Count is the number of requests that f is true for; of all where it is nil.
func (d *door) Count(f func(Request) bool) int {
	n := 0
	for _, request := range d.Requests() {
		if f == nil || f(request) {
			n++
		}
	}
	return n
}

// Reset forgets the requests so far. Faults stay.
func (d *door) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = nil
}

// Fault asks f about each request from now on, one at a time, and does what f
// says; a request passes where that is nil. It takes the place of an earlier f.
func (d *door) Fault(f func(Request) Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.decide = f
}

// Refuse ends all connections and refuses new ones, until Heal. See the fault
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

// Heal ends all faults: requests that hang are cut off, and a closed door is
// opened again at the same address.
func (d *door) Heal() error {
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

// shut closes the door for good.
func (d *door) shut() {
	d.Refuse()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.decide = nil
	close(d.healed)
	d.healed = make(chan struct{})
}

// listenAgain takes the port that was given up before. A connection of somebody
// else may have it for a moment.
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

// serve lets in who comes to the listener. It is called with d.mu held, or before others know d.
func (d *door) serve(listener net.Listener) {
	opened := &opening{listener: listener, ended: make(chan struct{})}
	// HTTP/1.1 only: a connection that is cut off looks the same with and without TLS.
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

// answer is what happens to every request.
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

// pass hands the request to the registry, and its response back, changed where
// change is not nil.
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
