// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

const (
	loadMinRate = 2
	loadMaxRate = 2000
	loadFor     = 10 * time.Minute
	loadMaxFor  = 20 * time.Minute
	loadTimeout = 10 * time.Second
)

// loads contains the running load, or else the last one.
type loads struct {
	dial dialer

	mu   sync.Mutex
	last *load
}

func (l *loads) start(w http.ResponseWriter, r *http.Request) {
	target, rate, duration, err := loadParameters(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last != nil && l.last.running() {
		http.Error(w, "a load is running: DELETE /load first", http.StatusConflict)
		return
	}
	l.last = startLoad(target, rate, duration, l.dial)
	answerJSON(w, l.last.report())
}

func (l *loads) show(w http.ResponseWriter, _ *http.Request) {
	if load := l.get(w); load != nil {
		answerJSON(w, load.report())
	}
}

func (l *loads) stop(w http.ResponseWriter, _ *http.Request) {
	if load := l.get(w); load != nil {
		load.stop()
		answerJSON(w, load.report())
	}
}

func (l *loads) get(w http.ResponseWriter) *load {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		http.Error(w, "no load was started: POST /load?url=...&rate=... does", http.StatusNotFound)
	}
	return l.last
}

func loadParameters(query url.Values) (target string, rate int, duration time.Duration, err error) {
	target = query.Get("url")
	parsed, err := url.Parse(target)
	if err != nil {
		return "", 0, 0, fmt.Errorf("url: %w", err)
	}
	// TLS also writes data of its own, which would hide whether a request was sent (see countedConn).
	if parsed.Scheme != "http" || parsed.Hostname() == "" {
		return "", 0, 0, fmt.Errorf("url: %q does not begin with http:// and a host", target)
	}
	rate, err = strconv.Atoi(query.Get("rate"))
	if err != nil || rate < loadMinRate || rate > loadMaxRate {
		return "", 0, 0, fmt.Errorf("rate: %q is not a number from %d to %d", query.Get("rate"), loadMinRate, loadMaxRate)
	}
	duration = loadFor
	if text := query.Get("for"); text != "" {
		duration, err = time.ParseDuration(text)
		if err != nil || duration <= 0 || duration > loadMaxFor {
			return "", 0, 0, fmt.Errorf("for: %q is not a duration of up to %s", text, loadMaxFor)
		}
	}
	return target, rate, duration, nil
}

// load is two concurrent attacks: kept-alive connections test how a server stops, and
// new connections how clients are directed to the next one. Their rates are constant:
// a slow answer delays no other request.
type load struct {
	url       string
	began     time.Time
	keepAlive *attack
	fresh     *attack
	done      chan struct{} // closed when no request is in flight anymore

	mu    sync.Mutex
	ended time.Time
}

// startLoad sends rate requests per second, half of them by each attack.
func startLoad(url string, rate int, duration time.Duration, dial dialer) *load {
	l := &load{
		url:       url,
		began:     time.Now(),
		keepAlive: newAttack(dial, true),
		fresh:     newAttack(dial, false),
		done:      make(chan struct{}),
	}
	half := vegeta.Rate{Freq: rate, Per: 2 * time.Second}
	var both sync.WaitGroup
	for _, attack := range []*attack{l.keepAlive, l.fresh} {
		both.Go(func() { attack.run(url, half, duration) })
	}
	go func() {
		both.Wait()
		l.mu.Lock()
		l.ended = time.Now()
		l.mu.Unlock()
		close(l.done)
	}()
	return l
}

// stop returns when all requests in flight are answered.
func (l *load) stop() {
	l.keepAlive.stopped.Store(true)
	l.fresh.stopped.Store(true)
	<-l.done
}

func (l *load) running() bool {
	select {
	case <-l.done:
		return false
	default:
		return true
	}
}

func (l *load) report() Report {
	running := l.running()
	l.mu.Lock()
	defer l.mu.Unlock()
	end := l.ended
	if end.IsZero() {
		end = time.Now()
	}
	return Report{
		URL:            l.url,
		StartedAt:      l.began.UTC(),
		Seconds:        end.Sub(l.began).Seconds(),
		Running:        running,
		KeepAlive:      l.keepAlive.report(),
		NewConnections: l.fresh.report(),
	}
}

// attack is one stream of requests with the counts of their results.
type attack struct {
	attacker  *vegeta.Attacker
	transport *countedTransport
	stopped   atomic.Bool

	mu    sync.Mutex
	tally tally
}

func newAttack(dial dialer, keepAlive bool) *attack {
	transport := newCountedTransport(dial, keepAlive)
	return &attack{
		transport: transport,
		attacker: vegeta.NewAttacker(
			vegeta.Client(&http.Client{Transport: transport, Timeout: loadTimeout, CheckRedirect: noRedirect}),
			vegeta.MaxBody(maxAnswer),
		),
	}
}

func (a *attack) run(url string, rate vegeta.Pacer, duration time.Duration) {
	// After the library's own Stop a random number of requests is still sent.
	pace := stoppable{Pacer: rate, stopped: &a.stopped}
	target := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: url})
	for result := range a.attacker.Attack(target, pace, duration, "") {
		a.mu.Lock()
		a.tally.add(result)
		a.mu.Unlock()
	}
	a.transport.http.CloseIdleConnections()
}

func (a *attack) report() AttackReport {
	a.mu.Lock()
	report := a.tally.report()
	a.mu.Unlock()
	report.Connections = a.transport.connections.Load()
	report.Retries = a.transport.retries.Load()
	return report
}

// stoppable ends an attack with the request that is due next.
type stoppable struct {
	vegeta.Pacer

	stopped *atomic.Bool
}

func (s stoppable) Pace(elapsed time.Duration, hits uint64) (wait time.Duration, stop bool) {
	if s.stopped.Load() {
		return 0, true
	}
	return s.Pacer.Pace(elapsed, hits)
}
