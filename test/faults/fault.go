// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Fault is a kind of failure of a write.
type Fault struct {
	// Name is the fault's name in reports.
	Name string
	// lasts is how long all following writes fail; 0 if only one does.
	lasts  time.Duration
	strike strike
}

// strike handles a write that fails: instead of the API server, or in addition to it.
type strike func(*http.Request, http.RoundTripper, *life) (*http.Response, error)

// All returns all faults.
func All() []Fault {
	return []Fault{
		CrashBefore(),
		{Name: "crash after", strike: crashAfter},
		{Name: "response lost", strike: responseLost},
		{Name: "time-out", strike: timeOut},
		{Name: "409 Conflict", strike: refuse(http.StatusConflict, metav1.StatusReasonConflict, 0)},
		{Name: "409 AlreadyExists", strike: refuse(http.StatusConflict, metav1.StatusReasonAlreadyExists, 0)},
		{Name: "404 NotFound", strike: refuse(http.StatusNotFound, metav1.StatusReasonNotFound, 0)},
		{Name: "429 Retry-After", strike: refuse(http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, 1)},
		{Name: "500", strike: refuse(http.StatusInternalServerError, metav1.StatusReasonInternalError, 0)},
		{Name: "403 for 10 s", lasts: 10 * time.Second, strike: refuse(http.StatusForbidden, metav1.StatusReasonForbidden, 0)},
	}
}

// CrashBefore ends the operator before the API server receives the write.
func CrashBefore() Fault { return Fault{Name: "crash before", strike: crashBefore} }

// crashBefore ends the operator before the API server receives the write.
func crashBefore(_ *http.Request, _ http.RoundTripper, own *life) (*http.Response, error) {
	own.end()
	return nil, errGone
}

// crashAfter ends the operator after the API server has carried out the write.
func crashAfter(request *http.Request, next http.RoundTripper, own *life) (*http.Response, error) {
	response, err := next.RoundTrip(request)
	own.end()
	if err == nil {
		drop(response)
	}
	return nil, errGone
}

// responseLost closes the connection after the API server has carried out the write.
func responseLost(request *http.Request, next http.RoundTripper, _ *life) (*http.Response, error) {
	response, err := next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	drop(response)
	return nil, io.ErrUnexpectedEOF
}

// silence is how long a write is pending that times out.
const silence = time.Second

// timeOut lets a write time out without reaching the API server.
func timeOut(request *http.Request, _ http.RoundTripper, _ *life) (*http.Response, error) {
	select {
	case <-time.After(silence):
		return nil, context.DeadlineExceeded
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
}

// refuse answers with an error of the API server, without carrying out the write.
func refuse(code int, reason metav1.StatusReason, retryAfter int) strike {
	return func(request *http.Request, _ http.RoundTripper, _ *life) (*http.Response, error) {
		body, err := json.Marshal(metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
			Status:   metav1.StatusFailure,
			Message:  fmt.Sprintf("a fault was injected: %s", reason),
			Reason:   reason,
			Code:     int32(code), //nolint:gosec // an HTTP status
		})
		if err != nil {
			return nil, err
		}
		if request.Body != nil {
			_ = request.Body.Close() // as a RoundTripper has to
		}
		header := http.Header{"Content-Type": {"application/json"}}
		if retryAfter > 0 {
			header.Set("Retry-After", strconv.Itoa(retryAfter))
		}
		return &http.Response{
			StatusCode: code, Status: strconv.Itoa(code) + " " + http.StatusText(code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: request,
		}, nil
	}
}

// drop reads and discards an answer.
func drop(response *http.Response) {
	_, _ = io.Copy(io.Discard, response.Body) // what is lost is lost
	_ = response.Body.Close()
}

// Held is a delayed write.
type Held struct {
	mu       sync.Mutex
	request  string
	answer   string
	released chan struct{}
	answered chan struct{}
	once     sync.Once
}

// Late delays a write until it is released, and with it all later requests of the operator, as if its
// process was stopped. After the write is answered, the operator receives nothing more.
func Late() (Fault, *Held) {
	held := &Held{released: make(chan struct{}), answered: make(chan struct{})}
	return Fault{Name: "late", strike: func(request *http.Request, next http.RoundTripper, own *life) (*http.Response, error) {
		held.mu.Lock()
		held.request = describe(request)
		held.mu.Unlock()
		own.end()
		<-held.released
		// a process that continues knows only deadlines of its own clock
		response, err := next.RoundTrip(request.WithContext(context.WithoutCancel(request.Context())))
		defer close(held.answered)
		held.mu.Lock()
		defer held.mu.Unlock()
		if err != nil {
			held.answer = err.Error()
			return nil, err
		}
		held.answer = response.Status
		drop(response)
		return nil, errGone
	}}, held
}

// Request returns the delayed write; empty if there is none yet.
func (h *Held) Request() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.request
}

// Release sends the write.
func (h *Held) Release() { h.once.Do(func() { close(h.released) }) }

// Answer waits for the answer to the write, and returns its status.
func (h *Held) Answer(ctx context.Context) (string, error) {
	select {
	case <-h.answered:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.answer, nil
}
