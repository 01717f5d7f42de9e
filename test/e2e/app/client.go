// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"
)

// client serves the API of the suite's helper pod on CLIENT_PORT:
//
//	GET    /healthz
//	GET    /fetch?url=U[&token=T][&insecure=true]   one request; see fetch.go
//	POST   /load?url=U&rate=N[&for=10m]             starts a load; see load.go
//	GET    /load                                    the report so far, or the last one
//	DELETE /load                                    stops it, the final report
func (p program) client(ctx context.Context) error {
	port, err := p.port("CLIENT_PORT", "9090")
	if err != nil {
		return err
	}
	listener, err := p.listen(port)
	if err != nil {
		return err
	}
	loads := &loads{dial: (&net.Dialer{}).DialContext}
	server := &http.Server{Handler: clientHandler(loads)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(p.stdout, "client: listening on port %d\n", port)

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		// The suite does not need the results of requests that are still in progress.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return server.Shutdown(ctx)
	}
}

func clientHandler(loads *loads) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+healthPath, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("GET /fetch", fetch)
	mux.HandleFunc("POST /load", loads.start)
	mux.HandleFunc("GET /load", loads.show)
	mux.HandleFunc("DELETE /load", loads.stop)
	return mux
}

func answerJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the client is gone, if it fails
}
