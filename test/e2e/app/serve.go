// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// serve runs the server with the configured BEHAVIOR.
func (p program) serve(ctx context.Context) error {
	config, err := p.config()
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "version %s, behavior %s\n", config.version, config.behavior)

	port := config.port
	var crash <-chan time.Time
	switch config.behavior {
	case crashAtStart:
		return exit{exitCrash, "panic: no route to the database"}
	case slowStart:
		fmt.Fprintf(p.stdout, "listening in %s\n", config.startDelay)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(config.startDelay):
		}
	case crashLater:
		crash = time.After(config.crashAfter)
	case wrongPort:
		port++
	}

	listener, err := p.listen(port)
	if err != nil {
		return err
	}
	handler, err := appHandler(config)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := newServer(handler, config.drain)
	served := make(chan error, 1)
	go func() { served <- server.http.Serve(listener) }()
	fmt.Fprintf(p.stdout, "listening on port %d\n", port)

	select {
	case err := <-served:
		return err
	case <-crash:
		return errors.Join(exit{exitCrashLater, "panic: the connection to the database is lost"}, server.http.Close())
	case <-ctx.Done():
		fmt.Fprintln(p.stdout, "stopping")
		return server.stop()
	}
}

func appHandler(config config) (http.Handler, error) {
	pod, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Pod", pod)
		_, _ = io.WriteString(w, config.version+"\n") // the client is gone, if it fails
	})
	mux.HandleFunc("GET /file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, config.file) })
	mux.HandleFunc("GET "+healthPath, func(w http.ResponseWriter, _ *http.Request) {
		if config.behavior == neverReady {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "warming up")
			return
		}
		_, _ = io.WriteString(w, "ok")
	})
	return mux, nil
}
