// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package registry runs a real container registry for tests, behind a front that records requests and
// injects faults, and builds images to push.
package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"
)

// Options configure a registry.
type Options struct {
	// Binary is the registry program. Defaults to the result of Binary.
	Binary string
	// Users are the users, with their passwords. Without any, no credentials are required.
	Users map[string]string
	// TLS makes the registry accept TLS only, with a certificate of its own authority.
	TLS bool
}

// Registry is a running registry. It is safe for concurrent use.
type Registry struct {
	*door

	process   *process
	folder    string
	direct    string
	users     map[string]string
	authority []byte
	transport *http.Transport
	stop      func() error
}

// startLimit is the time limit for the start of a registry.
const startLimit = 30 * time.Second

// Start runs a registry with empty storage in memory, and waits until it answers. The context applies
// to the start only: the registry runs until Stop.
func Start(ctx context.Context, options Options) (*Registry, error) {
	if options.Binary == "" {
		binary, err := Binary(ctx)
		if err != nil {
			return nil, err
		}
		options.Binary = binary
	}
	folder, err := os.MkdirTemp("", "appstack-registry-")
	if err != nil {
		return nil, fmt.Errorf("making the registry's folder: %w", err)
	}
	r := &Registry{folder: folder, users: options.Users, transport: newTransport()}
	r.stop = sync.OnceValue(r.end)
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := r.start(ctx, options); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the registry: %w", err), r.Stop())
	}
	return r, nil
}

func (r *Registry) start(ctx context.Context, options Options) error {
	serving, scheme := (*tls.Config)(nil), "http"
	if options.TLS {
		chain, err := newChain()
		if err != nil {
			return err
		}
		if err := chain.write(r.folder); err != nil {
			return err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(chain.authority)
		serving = &tls.Config{Certificates: []tls.Certificate{chain.server}, MinVersion: tls.VersionTLS12}
		scheme = "https"
		r.authority = chain.authority
		r.transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	config, err := configure(r.folder, options)
	if err != nil {
		return err
	}
	if r.process, err = run(options.Binary, config, options.Users); err != nil {
		return err
	}
	if r.direct, err = r.process.address(ctx); err != nil {
		return err
	}
	backend := &url.URL{Scheme: scheme, Host: r.direct}
	if err := r.answers(ctx, backend.JoinPath("/v2/").String()); err != nil {
		return r.process.explain(err)
	}
	r.door, err = openDoor(backend, r.transport, serving)
	return err
}

// answers waits until the registry answers, whether or not it requires credentials.
func (r *Registry) answers(ctx context.Context, address string) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := ping(ctx, r.transport, address)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-r.process.ended:
			return errors.New("it ended by itself")
		case <-ticker.C:
		}
	}
}

func ping(ctx context.Context, transport http.RoundTripper, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("%s answers %s", address, response.Status)
	}
	return nil
}

// newTransport returns a transport to the registry itself. It does not decompress bodies, so that the
// front can forward them unchanged.
func newTransport() *http.Transport {
	return &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}
}

// Host returns the address of the front, for names of images.
func (r *Registry) Host() string { return r.host }

// Direct returns the address of the registry itself: requests to it are not recorded and get no faults.
func (r *Registry) Direct() string { return r.direct }

// CA returns the certificate of the authority of both addresses, as PEM; nil without TLS.
func (r *Registry) CA() []byte { return r.authority }

// Stop ends the registry, and waits for its end. Its content is lost. Further calls return the same
// result.
func (r *Registry) Stop() error { return r.stop() }

func (r *Registry) end() error {
	var errs []error
	if r.door != nil {
		r.shut()
	}
	r.transport.CloseIdleConnections()
	if r.process != nil {
		errs = append(errs, r.process.stop())
	}
	if err := os.RemoveAll(r.folder); err != nil {
		errs = append(errs, fmt.Errorf("removing the registry's folder: %w", err))
	}
	return errors.Join(errs...)
}
