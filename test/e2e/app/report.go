// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

const (
	maxFirstErrors = 20
	maxAnswers     = 50
	maxAnswer      = 1 << 10 // the bytes of a body that count
	otherAnswers   = "(other)"
)

// Report is the answer of /load.
type Report struct {
	URL            string       `json:"url"`
	StartedAt      time.Time    `json:"startedAt"`
	Seconds        float64      `json:"seconds"`
	Running        bool         `json:"running"`
	KeepAlive      AttackReport `json:"keepAlive"`
	NewConnections AttackReport `json:"newConnections"`
}

// AttackReport is the result of all completed requests.
type AttackReport struct {
	Requests uint64 `json:"requests"`
	// Errors counts requests without a complete answer or with a status other than 200.
	Errors      uint64   `json:"errors"`
	FirstErrors []Failed `json:"firstErrors"` // up to 20
	// StatusCodes counts requests without a complete answer as "0".
	StatusCodes map[string]uint64 `json:"statusCodes"`
	// Answers counts the successful requests by the text of the answer. Its values add up to Requests - Errors:
	// after 50 texts all others count as "(other)".
	Answers map[string]uint64 `json:"answers"`
	// Rate is the number of requests per second between the first and the last one sent.
	Rate float64 `json:"rate"`
	// Connections is the number of opened connections.
	Connections uint64 `json:"connections"`
	// Retries counts silent retries by net/http: a request was written to a kept-alive connection, the server closed it
	// without an answer, and the request was sent again on another one. This is not an error here, but would be one for
	// requests that cannot be repeated.
	Retries uint64 `json:"retries"`

	P50Ms  float64 `json:"p50Ms"`
	P90Ms  float64 `json:"p90Ms"`
	P95Ms  float64 `json:"p95Ms"`
	P99Ms  float64 `json:"p99Ms"`
	P999Ms float64 `json:"p999Ms"`
	MaxMs  float64 `json:"maxMs"`
	MeanMs float64 `json:"meanMs"`
}

// Failed is one error.
type Failed struct {
	Time   time.Time `json:"time"` // when the request was sent
	Text   string    `json:"text"`
	Status int       `json:"status"` // 0 without a complete answer
}

// tally counts results. The library's Metrics would keep every error text.
type tally struct {
	requests, errors uint64
	first            []Failed
	codes, answers   map[string]uint64
	latencies        vegeta.LatencyMetrics
	earliest, latest time.Time
}

func (t *tally) add(result *vegeta.Result) {
	if t.requests == 0 {
		t.codes, t.answers = map[string]uint64{}, map[string]uint64{}
		t.earliest = result.Timestamp
	}
	t.requests++
	t.codes[strconv.Itoa(int(result.Code))]++
	t.latencies.Add(result.Latency)
	if result.Timestamp.Before(t.earliest) {
		t.earliest = result.Timestamp
	}
	if result.Timestamp.After(t.latest) {
		t.latest = result.Timestamp
	}

	text := strings.TrimSpace(string(result.Body))
	if result.Code != http.StatusOK {
		t.errors++
		if len(t.first) < maxFirstErrors {
			t.first = append(t.first, failed(result, text))
		}
		return
	}
	if _, known := t.answers[text]; !known && len(t.answers) >= maxAnswers {
		text = otherAnswers
	}
	t.answers[text]++
}

// failed describes a result with status 0 or a status other than 200.
func failed(result *vegeta.Result, body string) Failed {
	text := result.Error
	if code := int(result.Code); code != 0 {
		text = fmt.Sprintf("%d %s: %s", code, http.StatusText(code), body)
	}
	return Failed{Time: result.Timestamp.UTC(), Text: text, Status: int(result.Code)}
}

func (t *tally) report() AttackReport {
	report := AttackReport{
		Requests:    t.requests,
		Errors:      t.errors,
		FirstErrors: append([]Failed{}, t.first...),
		StatusCodes: map[string]uint64{},
		Answers:     map[string]uint64{},
	}
	if t.requests == 0 {
		return report
	}
	maps.Copy(report.StatusCodes, t.codes)
	maps.Copy(report.Answers, t.answers)
	if between := t.latest.Sub(t.earliest).Seconds(); between > 0 {
		report.Rate = float64(t.requests-1) / between
	}
	report.P50Ms = milliseconds(t.latencies.Quantile(0.5))
	report.P90Ms = milliseconds(t.latencies.Quantile(0.9))
	report.P95Ms = milliseconds(t.latencies.Quantile(0.95))
	report.P99Ms = milliseconds(t.latencies.Quantile(0.99))
	report.P999Ms = milliseconds(t.latencies.Quantile(0.999))
	report.MaxMs = milliseconds(t.latencies.Max)
	report.MeanMs = milliseconds(t.latencies.Total / time.Duration(t.requests))
	return report
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
