// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package faults

import (
	"net/http"
	"path"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// Past lets an operator that starts read an outdated state of one resource, as from an API server that
// lags behind; it receives newer events later.
type Past struct {
	// Resource is the resource, such as deployments.
	Resource string
	// Version is the resource version that is read.
	Version string
	// Lasts is how long after the start nothing newer is received.
	Lasts time.Duration

	mu    sync.Mutex
	begun time.Time
	seen  bool
}

// Seen reports whether an outdated state was read.
func (p *Past) Seen() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// left returns how much longer nothing newer is received.
func (p *Past) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun.IsZero() {
		p.begun = time.Now()
	}
	return time.Until(p.begun.Add(p.Lasts))
}

// Connect returns a client config that reads the outdated state.
func (p *Past) Connect(config *rest.Config) *rest.Config {
	way := rest.CopyConfig(config)
	way.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			query := request.URL.Query()
			if request.Method != http.MethodGet || path.Base(request.URL.Path) != p.Resource {
				return next.RoundTrip(request)
			}
			left := p.left()
			switch {
			case left <= 0:
				return next.RoundTrip(request)
			case query.Has("sendInitialEvents"): // the client lists then, which can be answered as of a version
				return refuse(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, 0)(request, next, nil)
			case query.Has("watch"):
				select { // which then goes on from that version
				case <-time.After(left):
				case <-request.Context().Done():
					return nil, request.Context().Err()
				}
				return next.RoundTrip(request)
			}
			p.mu.Lock()
			p.seen = true
			p.mu.Unlock()
			query.Set("resourceVersion", p.Version)
			query.Set("resourceVersionMatch", string(metav1.ResourceVersionMatchExact))
			earlier := request.Clone(request.Context())
			earlier.URL.RawQuery = query.Encode()
			return next.RoundTrip(earlier)
		})
	})
	return way
}
