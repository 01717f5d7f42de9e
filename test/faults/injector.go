// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package faults connects an operator to the API server, and lets one of its writes fail.
package faults

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// Injector counts the writes of an operator and of its successors, and lets one of them fail. The
// zero value lets all of them pass.
type Injector struct {
	mu sync.Mutex
	// armed says that writes are counted.
	armed bool
	// left is the number of writes up to the one that fails; none does if it is 0.
	left  int
	fault Fault
	// until is when following writes stop failing.
	until time.Time
	// writes are the writes since the injector was armed, a line each.
	writes []string
	struck []string
}

// life is the state of one operator's connection. After its end, nothing is sent or received.
type life struct {
	ended chan struct{}
	once  sync.Once
}

func (l *life) end() { l.once.Do(func() { close(l.ended) }) }

func (l *life) over() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// errGone is returned for requests of an operator that has ended.
var errGone = errors.New("the operator is gone")

// Connect returns a client config for one operator. Died is closed when a fault has ended the operator:
// stop it then, and start another one with its own connection.
func (i *Injector) Connect(config *rest.Config) (way *rest.Config, died <-chan struct{}) {
	own := &life{ended: make(chan struct{})}
	way = rest.CopyConfig(config)
	way.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			if own.over() {
				return nil, errGone
			}
			if !writes(request) {
				return next.RoundTrip(request)
			}
			fault := i.next(request)
			if fault.strike == nil {
				return next.RoundTrip(request)
			}
			return fault.strike(request, next, own)
		})
	})
	return way, own.ended
}

// Arm counts writes from now on. The n-th of them gets the fault; none if n is 0.
func (i *Injector) Arm(n int, fault Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.armed, i.left, i.fault, i.writes = true, n, fault, nil
}

// Writes returns the writes since the injector was armed, a line each.
func (i *Injector) Writes() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.writes...)
}

// Struck returns the writes that failed.
func (i *Injector) Struck() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.struck...)
}

// next counts a write, and returns what happens to it.
func (i *Injector) next(request *http.Request) Fault {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.armed {
		return Fault{}
	}
	i.writes = append(i.writes, describe(request))
	if i.left > 0 {
		if i.left--; i.left == 0 {
			i.struck = append(i.struck, describe(request))
			i.until = time.Now().Add(i.fault.lasts)
			return i.fault
		}
	}
	if time.Now().Before(i.until) {
		i.struck = append(i.struck, describe(request))
		return i.fault
	}
	return Fault{}
}

// writes reports whether the request is a write. Dry runs count too; events and reviews do not, because
// nothing depends on them.
func writes(request *http.Request) bool {
	return request.Method != http.MethodGet && !strings.Contains(request.URL.Path, "/events") &&
		!strings.Contains(request.URL.Path, "reviews")
}

// describe returns the write as text, without the namespace.
func describe(request *http.Request) string {
	path := request.URL.Path
	if _, below, found := strings.Cut(path, "/namespaces/"); found {
		_, path, _ = strings.Cut(below, "/")
	}
	tried := ""
	if request.URL.Query().Has("dryRun") {
		tried = " (tried)"
	}
	return fmt.Sprintf("%s %s%s", strings.ToLower(request.Method), path, tried)
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }
