// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"testing/iotest"
	"time"
)

// Fault handles a request instead of forwarding it.
type Fault interface {
	serve(d *door, healed <-chan struct{}, w http.ResponseWriter, r *http.Request)
}

type fault func(d *door, healed <-chan struct{}, w http.ResponseWriter, r *http.Request)

func (f fault) serve(d *door, healed <-chan struct{}, w http.ResponseWriter, r *http.Request) {
	f(d, healed, w, r)
}

// Hang does not answer until the client disconnects, or Recover closes the connection.
func Hang() Fault {
	return fault(func(_ *door, healed <-chan struct{}, _ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-healed:
		}
		panic(http.ErrAbortHandler)
	})
}

// Refuse closes the connection of this request, and refuses connections from then on until Recover. The
// method of the same name does so at once.
func Refuse() Fault {
	return fault(func(d *door, _ <-chan struct{}, _ http.ResponseWriter, _ *http.Request) {
		d.Refuse()
		panic(http.ErrAbortHandler)
	})
}

// Status answers with the code and the header, and with an error in the format of registries.
func Status(code int, header http.Header) Fault {
	return fault(func(_ *door, _ <-chan struct{}, w http.ResponseWriter, r *http.Request) {
		body := errorBody(code, kindOf(r.URL.Path))
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		maps.Copy(w.Header(), header)
		w.WriteHeader(code)
		_, _ = w.Write(body) // the client may have gone
	})
}

// errorBody is an error in the format of the OCI distribution specification.
func errorBody(code int, kind Kind) []byte {
	name := "UNKNOWN"
	switch code {
	case http.StatusUnauthorized:
		name = "UNAUTHORIZED"
	case http.StatusForbidden:
		name = "DENIED"
	case http.StatusNotFound:
		name = "MANIFEST_UNKNOWN"
		if kind == Blob {
			name = "BLOB_UNKNOWN"
		}
	case http.StatusTooManyRequests:
		name = "TOOMANYREQUESTS"
	}
	message := fmt.Sprintf("a fault of the test: %d %s", code, http.StatusText(code))
	return fmt.Appendf(nil, `{"errors":[{"code":%q,"message":%q}]}`, name, message)
}

// Truncate announces the whole body, sends half of it, and closes the connection. A response without a
// body is forwarded.
func Truncate() Fault {
	return change(func(body []byte) io.Reader {
		return io.MultiReader(bytes.NewReader(body[:len(body)/2]), iotest.ErrReader(io.ErrUnexpectedEOF))
	})
}

// WrongDigest sends another body with the original digest in the header, as a broken cache or proxy
// does. The other body is valid but for its digest. A response without a body is forwarded.
func WrongDigest() Fault {
	return change(func(body []byte) io.Reader { return bytes.NewReader(another(body)) })
}

// another returns a different body; it is JSON if the original is.
func another(body []byte) []byte {
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(body, &fields) != nil {
		return append(bytes.Clone(body), '\n')
	}
	fields["annotations"] = json.RawMessage(`{"appstack.test/wrong":"true"}`)
	other, err := json.Marshal(fields)
	if err != nil {
		panic(err) // all of it has just been read
	}
	return other
}

// Slow forwards the request after a while, or at Recover.
func Slow(d time.Duration) Fault {
	return fault(func(door *door, healed <-chan struct{}, w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-healed:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
		door.pass(w, r, nil)
	})
}

// change forwards the request, and changes the body of a successful response. A reader that knows its
// length sets a new Content-Length; otherwise the original one stays.
func change(edit func(body []byte) io.Reader) Fault {
	return fault(func(d *door, _ <-chan struct{}, w http.ResponseWriter, r *http.Request) {
		d.pass(w, r, func(response *http.Response) error {
			if response.StatusCode != http.StatusOK || r.Method == http.MethodHead {
				return nil
			}
			body, err := io.ReadAll(response.Body)
			if err != nil {
				return fmt.Errorf("reading the registry's response: %w", err)
			}
			if err := response.Body.Close(); err != nil {
				return fmt.Errorf("reading the registry's response: %w", err)
			}
			edited, length := edit(body), len(body)
			if known, ok := edited.(interface{ Len() int }); ok {
				length = known.Len()
			}
			response.Header.Set("Content-Length", strconv.Itoa(length))
			response.Body = io.NopCloser(edited)
			return nil
		})
	})
}
