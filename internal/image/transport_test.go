// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestGuard(t *testing.T) {
	plain := []string{"plain.example.com", "10.0.0.5:5000"}
	for name, test := range map[string]struct {
		address string
		passes  bool
	}{
		"R23 TLS": {"https://registry.example.com/v2/", true},
		"R23 TLS to a registry where plain HTTP is allowed": {"https://plain.example.com/v2/", true},
		"R23 plain HTTP, allowed":                           {"http://plain.example.com/v2/", true},
		"R23 plain HTTP with its port":                      {"http://10.0.0.5:5000/v2/", true},
		"R23 plain":                                         {"http://registry.example.com/v2/", false},
		"R23 plain HTTP at another port":                    {"http://plain.example.com:5000/v2/", false},
		"R23 plain HTTP without the port":                   {"http://10.0.0.5/v2/", false},
		"R23 plain HTTP of a part of the name":              {"http://evil.plain.example.com/v2/", false},
		"R23 plain HTTP with a user":                        {"http://plain.example.com@evil.example.com/v2/", false},
		"R23 plain HTTP of this host":                       {"http://127.0.0.1:5000/v2/", false},
		"R23 another scheme":                                {"ftp://registry.example.com/", false},
	} {
		t.Run(name, func(t *testing.T) {
			passed := false
			g := &guard{plain: plain, next: server(func(r *http.Request) (*http.Response, error) {
				passed = true
				return answer(r, http.StatusOK, "", nil), nil
			})}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, test.address, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			response, err := g.RoundTrip(request)
			if err == nil {
				err = response.Body.Close()
			}
			if passed != test.passes || test.passes == errors.Is(err, errPlainHTTP) {
				t.Errorf("passed: %t, want %t: %v", passed, test.passes, err)
			}
		})
	}
}

func TestBounded(t *testing.T) {
	for name, test := range map[string]struct {
		size  int
		fails bool
	}{
		"R23 empty":         {0, false},
		"R23 the maximum":   {maxBody, false},
		"R23 a byte more":   {maxBody + 1, true},
		"R23 far too large": {3 * maxBody, true},
		"R23 a byte less":   {maxBody - 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bounded{ReadCloser: io.NopCloser(bytes.NewReader(make([]byte, test.size))), left: maxBody + 1}
			content, err := io.ReadAll(b)
			if errors.Is(err, errTooLarge) != test.fails || err != nil && !test.fails {
				t.Errorf("reading %d bytes: %v", test.size, err)
			}
			if err == nil && len(content) != test.size || len(content) > maxBody+1 {
				t.Errorf("read %d of %d bytes", len(content), test.size)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"":                    0,
		"7":                   7 * time.Second,
		"0":                   0,
		"-5":                  0,
		"soon":                0,
		"300":                 longestRetry,
		"301":                 longestRetry,
		"86400":               longestRetry,
		"10000000000":         longestRetry, // overflows in nanoseconds
		"9223372036854775807": longestRetry,
	} {
		t.Run("R23 "+value, func(t *testing.T) {
			if got := after(t, value); got != want {
				t.Errorf("%q is %s, want %s", value, got, want)
			}
		})
	}
}

// The header may also be a date.
func TestRetryAfterDate(t *testing.T) {
	if got := after(t, time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)); got < 50*time.Second || got > 70*time.Second {
		t.Errorf("R23 a date one minute ahead is parsed as %s", got)
	}
}

// after returns the pause parsed from the header.
func after(t *testing.T, value string) time.Duration {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://example.com/v2/app/manifests/1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	n := &notes{}
	n.take(request, &http.Response{Header: http.Header{"Retry-After": {value}}})
	got := n.all().after
	return got
}

// Of several responses the digest is that of the last manifest; a config does not change it.
func TestNotesDigest(t *testing.T) {
	n := &notes{}
	for _, step := range []struct{ path, says, want string }{
		{"/v2/app/manifests/1", "a", "a"},
		{"/v2/app/blobs/sha256:0", "b", "a"},
		{"/v2/app/manifests/2", "c", "c"},
		{"/v2/app/manifests/3", "", ""},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://example.com"+step.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		n.take(request, &http.Response{Header: http.Header{"Docker-Content-Digest": {step.says}}})
		if got := n.all().digest; got != step.want {
			t.Errorf("after %s the digest is %q, want %q", step.path, got, step.want)
		}
	}
}

func TestNewTransport(t *testing.T) {
	if _, err := newTransport(Registries{CA: []byte("no PEM")}); err == nil || !strings.Contains(err.Error(), "PEM") {
		t.Errorf("got %v", err)
	}
	if _, err := newTransport(Registries{}); err != nil {
		t.Error(err)
	}
}
