// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// counter counts the connections that a server accepts.
type counter struct{ atomic.Uint64 }

func (c *counter) count(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		c.Add(1)
	}
}

func direct(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func TestLoadCountsErrors(t *testing.T) {
	var kept, fresh, failures, connections counter
	target := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests := &kept
		if r.Close {
			requests = &fresh
		}
		if requests.Add(1)%10 == 0 {
			failures.Add(1)
			http.Error(w, "every tenth", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("v1\n"))
	}))
	target.Config.ConnState = connections.count
	target.Start()
	defer target.Close()
	helper := newHelper(t, direct)

	first := getJSON[Report](t, http.MethodPost, helper+"/load?rate=100&for=1s&url="+target.URL)
	if first.KeepAlive.FirstErrors == nil {
		t.Error("no first errors are null, want an empty list")
	}
	if !first.Running || first.URL != target.URL || first.StartedAt.IsZero() {
		t.Errorf("at the start %+v, want the URL and the time of a load that runs", first)
	}
	eventually(t, "both attacks have met errors", func() bool {
		report := getJSON[Report](t, http.MethodGet, helper+"/load")
		return !report.Running || min(report.KeepAlive.Errors, report.NewConnections.Errors) > 2
	})
	report := getJSON[Report](t, http.MethodDelete, helper+"/load")

	if report.Running {
		t.Error("it runs after it was stopped")
	}
	attacks := map[string]AttackReport{"keepAlive": report.KeepAlive, "newConnections": report.NewConnections}
	if got, want := report.KeepAlive.Requests, kept.Load(); got != want {
		t.Errorf("%d requests on kept connections, want %d", got, want)
	}
	if got, want := report.NewConnections.Requests, fresh.Load(); got != want {
		t.Errorf("%d requests on new connections, want %d", got, want)
	}
	if got, want := report.KeepAlive.Errors+report.NewConnections.Errors, failures.Load(); got != want {
		t.Errorf("%d errors, want %d", got, want)
	}
	// The server may not yet have accepted a connection without a request.
	eventually(t, "the server has counted as many connections", func() bool {
		report := getJSON[Report](t, http.MethodGet, helper+"/load")
		return report.KeepAlive.Connections+report.NewConnections.Connections == connections.Load()
	})
	if got, want := report.NewConnections.Connections, report.NewConnections.Requests; got != want {
		t.Errorf("%d new connections for %d requests", got, want)
	}
	if got, limit := report.KeepAlive.Connections, report.KeepAlive.Requests; got >= limit {
		t.Errorf("%d kept connections for %d requests, want fewer", got, limit)
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			good := attack.Requests - attack.Errors
			if got := attack.StatusCodes; len(got) != 2 || got["200"] != good || got["503"] != attack.Errors {
				t.Errorf("status codes %v of %d requests with %d errors", got, attack.Requests, attack.Errors)
			}
			if got := attack.Answers; len(got) != 1 || got["v1"] != good {
				t.Errorf("answers %v, want %d times v1", got, good)
			}
			if got, want := uint64(len(attack.FirstErrors)), min(attack.Errors, maxFirstErrors); got != want {
				t.Errorf("%d first errors, want %d", got, want)
			}
			for _, failed := range attack.FirstErrors {
				if failed.Status != 503 || failed.Text != "503 Service Unavailable: every tenth" || failed.Time.Before(report.StartedAt) {
					t.Errorf("an error is %+v", failed)
				}
			}
			sorted := []float64{attack.P50Ms, attack.P90Ms, attack.P95Ms, attack.P99Ms, attack.P999Ms, attack.MaxMs}
			if !slices.IsSorted(sorted) || sorted[0] <= 0 || attack.MeanMs <= 0 || attack.MeanMs > attack.MaxMs {
				t.Errorf("percentiles %v with mean %v", sorted, attack.MeanMs)
			}
			if attack.Rate <= 0 || attack.Retries != 0 {
				t.Errorf("rate %v with %d retries, want some and none", attack.Rate, attack.Retries)
			}
		})
	}

	again := getJSON[Report](t, http.MethodGet, helper+"/load")
	if again.Seconds != report.Seconds || again.KeepAlive.Requests != report.KeepAlive.Requests {
		t.Errorf("afterwards the report is %+v, want %+v", again, report)
	}
}

func TestLoadEnds(t *testing.T) {
	target := httptest.NewServer(http.NotFoundHandler())
	defer target.Close()
	helper := newHelper(t, direct)
	getJSON[Report](t, http.MethodPost, helper+"/load?rate=100&for=50ms&url="+target.URL)
	eventually(t, "the load ends by itself", func() bool { return !getJSON[Report](t, http.MethodGet, helper+"/load").Running })
	// Then another load can start.
	if report := getJSON[Report](t, http.MethodPost, helper+"/load?rate=100&url="+target.URL+"/2"); report.URL != target.URL+"/2" {
		t.Errorf("the report is about %s, want the second load", report.URL)
	}
}

func TestLoadRefuses(t *testing.T) {
	target := httptest.NewServer(http.NotFoundHandler())
	defer target.Close()
	idle, busy := newHelper(t, direct), newHelper(t, direct)
	getJSON[Report](t, http.MethodPost, busy+"/load?rate=100&url="+target.URL)

	tests := map[string]struct {
		method, url string
		status      int
		words       string
	}{
		"no report":       {http.MethodGet, idle + "/load", 404, "no load was started"},
		"nothing to stop": {http.MethodDelete, idle + "/load", 404, "no load was started"},
		"one runs":        {http.MethodPost, busy + "/load?rate=2&url=http://x", 409, "a load is running"},
		"no URL":          {http.MethodPost, idle + "/load?rate=2", 400, `url: "" does not begin with http://`},
		"bad URL":         {http.MethodPost, idle + "/load?rate=2&url=http://[::1", 400, "url: "},
		"TLS":             {http.MethodPost, idle + "/load?rate=2&url=https://x", 400, `url: "https://x" does not begin with http://`},
		"no host":         {http.MethodPost, idle + "/load?rate=2&url=http://:80/", 400, "and a host"},
		"no rate":         {http.MethodPost, idle + "/load?url=http://x", 400, `rate: "" is not a number from 2 to 2000`},
		"low rate":        {http.MethodPost, idle + "/load?rate=1&url=http://x", 400, `rate: "1"`},
		"high rate":       {http.MethodPost, idle + "/load?rate=2001&url=http://x", 400, `rate: "2001"`},
		"bad time":        {http.MethodPost, idle + "/load?rate=2&for=10&url=http://x", 400, `for: "10" is not a duration of up to 20m0s`},
		"no time":         {http.MethodPost, idle + "/load?rate=2&for=0s&url=http://x", 400, `for: "0s"`},
		"long time":       {http.MethodPost, idle + "/load?rate=2&for=21m&url=http://x", 400, `for: "21m"`},
		"other method":    {http.MethodPut, idle + "/load", 405, "Method Not Allowed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := request(t, newClient(t), test.method, test.url)
			if got.status != test.status || !strings.Contains(got.body, test.words) {
				t.Errorf("%d and %q, want %d and %q in it", got.status, got.body, test.status, test.words)
			}
		})
	}
}

func TestLoadWithoutAnswers(t *testing.T) {
	refuse := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("nobody is there") }
	load := startLoad("http://app.test/", 100, time.Minute, refuse)
	eventually(t, "requests fail", func() bool { return load.report().KeepAlive.Errors > 0 })
	load.stop()
	report := load.report().KeepAlive
	if report.Errors != report.Requests || report.StatusCodes["0"] != report.Requests || report.Connections != 0 {
		t.Errorf("%+v, want nothing but errors", report)
	}
	if first := report.FirstErrors[0]; first.Status != 0 || !strings.Contains(first.Text, "nobody is there") {
		t.Errorf("the first error is %+v", first)
	}
}

// A server answers the first request of each connection, and closes the connection after
// it has received the second one. net/http silently sends that one again.
func TestLoadCountsRetries(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }() // it is only dialed
	var dropped counter
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }() // the simulated fault
				reader := bufio.NewReader(conn)
				if _, err := http.ReadRequest(reader); err != nil {
					return
				}
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nv1")
				if _, err := http.ReadRequest(reader); err == nil {
					dropped.Add(1)
				}
			}()
		}
	}()

	load := startLoad("http://"+listener.Addr().String(), 100, time.Minute, direct)
	eventually(t, "requests are dropped", func() bool { return dropped.Load() > 10 })
	load.stop()
	report := load.report()
	if got, want := report.KeepAlive.Retries, dropped.Load(); got != want {
		t.Errorf("%d retries, want %d", got, want)
	}
	if report.KeepAlive.Errors != 0 || report.NewConnections.Retries != 0 || report.NewConnections.Errors != 0 {
		t.Errorf("%+v, want no errors, and retries with keep-alive only", report)
	}
}

func TestTallyIsBounded(t *testing.T) {
	var tally tally
	for i := range maxAnswers + 10 {
		tally.add(&vegeta.Result{Code: 200, Body: fmt.Appendf(nil, " v%d\n", i)})
	}
	tally.add(&vegeta.Result{Code: 200, Body: []byte("v0")})
	for i := range maxFirstErrors + 10 {
		tally.add(&vegeta.Result{Code: 500, Body: fmt.Appendf(nil, "failure %d\n", i)})
	}
	report := tally.report()
	if got := report.Answers; len(got) != maxAnswers+1 || got["v0"] != 2 || got[otherAnswers] != 10 {
		t.Errorf("answers %v, want %d different ones, 2 of v0, 10 others", got, maxAnswers+1)
	}
	if got := report.FirstErrors; len(got) != maxFirstErrors || got[maxFirstErrors-1].Text != "500 Internal Server Error: failure 19" {
		t.Errorf("first errors %v, want the first %d", got, maxFirstErrors)
	}
	if report.Requests != maxAnswers+maxFirstErrors+21 || report.Errors != maxFirstErrors+10 {
		t.Errorf("%d requests with %d errors", report.Requests, report.Errors)
	}
}

func TestTallyMeasures(t *testing.T) {
	var tally tally
	began := time.Now()
	for i := range 1000 {
		tally.add(&vegeta.Result{
			Code:      200,
			Timestamp: began.Add(time.Duration(i) * 10 * time.Millisecond),
			Latency:   time.Duration(i+1) * time.Millisecond,
		})
	}
	report := tally.report()
	for name, test := range map[string]struct{ got, want, within float64 }{
		"rate": {report.Rate, 100, 1e-9},
		"p50":  {report.P50Ms, 500, 10},
		"p90":  {report.P90Ms, 900, 10},
		"p95":  {report.P95Ms, 950, 5},
		"p99":  {report.P99Ms, 990, 2},
		"p999": {report.P999Ms, 999, 1},
		"max":  {report.MaxMs, 1000, 0},
		"mean": {report.MeanMs, 500.5, 0},
	} {
		if test.got < test.want-test.within || test.got > test.want+test.within {
			t.Errorf("%s is %v, want %v", name, test.got, test.want)
		}
	}
}
