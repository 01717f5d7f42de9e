// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// newHelper serves the client's API, whose connections are made by dial.
func newHelper(t *testing.T, dial dialer) string {
	t.Helper()
	loads := &loads{dial: dial}
	server := httptest.NewServer(clientHandler(loads))
	t.Cleanup(func() {
		server.Close()
		if loads.last != nil {
			loads.last.stop()
		}
	})
	return server.URL
}

func getJSON[T any](t *testing.T, method, url string) T {
	t.Helper()
	got := request(t, newClient(t), method, url)
	if got.status != http.StatusOK {
		t.Fatalf("%s %s answered %d: %s", method, url, got.status, got.body)
	}
	var value T
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%s: %v", got.body, err)
	}
	return value
}

func TestClientCommand(t *testing.T) {
	process := start(t, nil, "client")
	if port := receive(t, "the port", process.ports); port != 9090 {
		t.Errorf("port %d, want 9090", port)
	}
	if got := request(t, newClient(t), http.MethodGet, "http://"+receive(t, "the address", process.addresses)+"/healthz"); got.status != 200 {
		t.Errorf("GET /healthz answered %+v, want 200", got)
	}
	process.stop()
	if code := receive(t, "the end", process.ended); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestFetch(t *testing.T) {
	target := http.NewServeMux()
	target.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such page", http.StatusNotFound) })
	target.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Header.Get("Authorization"))) })
	target.HandleFunc("/big", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", fetchMaxBody+1))
	})
	target.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/token", http.StatusFound) })
	target.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "9")
		_, _ = w.Write([]byte("half"))
	})
	plain := httptest.NewServer(target)
	defer plain.Close()
	secure := httptest.NewUnstartedServer(target)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that are meant to fail
	secure.StartTLS()
	defer secure.Close()

	tests := map[string]struct {
		query  url.Values
		header string // X-Token
		status int
		body   string
		error  string // a part of it
	}{
		"status":           {query: url.Values{"url": {plain.URL}}, status: 404, body: "no such page\n"},
		"no token":         {query: url.Values{"url": {plain.URL + "/token"}}, status: 200},
		"token":            {query: url.Values{"url": {plain.URL + "/token"}, "token": {"t1"}}, status: 200, body: "Bearer t1"},
		"token in header":  {query: url.Values{"url": {plain.URL + "/token"}}, header: "t2", status: 200, body: "Bearer t2"},
		"header is first":  {query: url.Values{"url": {plain.URL + "/token"}, "token": {"t1"}}, header: "t2", status: 200, body: "Bearer t2"},
		"big":              {query: url.Values{"url": {plain.URL + "/big"}}, status: 200, body: strings.Repeat("x", fetchMaxBody)},
		"redirect":         {query: url.Values{"url": {plain.URL + "/away"}}, status: 302, body: "<a href=\"/token\">Found</a>.\n\n"},
		"half a body":      {query: url.Values{"url": {plain.URL + "/short"}}, status: 200, body: "half", error: "unexpected EOF"},
		"unknown CA":       {query: url.Values{"url": {secure.URL}}, error: "certificate"},
		"insecure":         {query: url.Values{"url": {secure.URL}, "insecure": {"true"}}, status: 404, body: "no such page\n"},
		"insecure is true": {query: url.Values{"url": {secure.URL}, "insecure": {"1"}}, error: "certificate"},
		"no URL":           {error: "unsupported protocol"},
		"bad URL":          {query: url.Values{"url": {"http://[::1"}}, error: "missing ']'"},
	}
	helper := newHelper(t, nil)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, helper+"/fetch?"+test.query.Encode(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.header != "" {
				request.Header.Set("X-Token", test.header)
			}
			response, err := newClient(t).Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }() // it is only read
			if response.StatusCode != http.StatusOK {
				t.Errorf("status %d, want 200", response.StatusCode)
			}
			var got Fetched
			if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
				t.Fatal(err)
			}
			if got.Status != test.status || got.Body != test.body {
				t.Errorf("%d and %.100q, want %d and %.100q", got.Status, got.Body, test.status, test.body)
			}
			if !strings.Contains(got.Error, test.error) || (test.error == "") != (got.Error == "") {
				t.Errorf("error %q, want %q in it", got.Error, test.error)
			}
		})
	}
}

func TestFetchConnects(t *testing.T) {
	var connections counter
	target := httptest.NewUnstartedServer(http.NotFoundHandler())
	target.Config.ConnState = connections.count
	target.Start()
	defer target.Close()
	helper := newHelper(t, nil)
	for range 3 {
		getJSON[Fetched](t, http.MethodGet, helper+"/fetch?url="+target.URL)
	}
	if got := connections.Load(); got != 3 {
		t.Errorf("%d connections for 3 fetches, want 3", got)
	}
}
