// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// answered returns the client library's error for an HTTP response.
func answered(code int, body string) error {
	return transport.CheckError(&http.Response{
		StatusCode: code, Body: io.NopCloser(strings.NewReader(body)),
		Request: &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: "registry.example.com"}},
	}, http.StatusOK)
}

func dialing(err error) error {
	return &url.Error{Op: "Get", URL: "https://registry.example.com/v2/", Err: &net.OpError{Op: "dial", Net: "tcp", Err: err}}
}

func TestFailed(t *testing.T) {
	const code = `{"errors":[{"code":"NAME_UNKNOWN","message":"a secret","detail":"a secret"}]}`
	get := func(err error) error { return &url.Error{Op: "Get", URL: "https://registry.example.com/v2/", Err: err} }
	for name, test := range map[string]struct {
		err      error
		reason   string
		does     string
		answered bool
	}{
		"R23 401": {answered(401, ""), v1alpha1.ReasonImageUnauthorized, "answers 401 Unauthorized", true},
		"R23 403": {answered(403, "a secret"), v1alpha1.ReasonImageUnauthorized, "answers 403 Forbidden", true},
		"R23 404": {answered(404, code), v1alpha1.ReasonImageNotFound, "answers 404 Not Found (NAME_UNKNOWN)", true},
		"R23 429": {answered(429, ""), v1alpha1.ReasonImageTooManyRequests, "answers 429 Too Many Requests", true},
		"R23 500": {
			answered(500, code),
			v1alpha1.ReasonRegistryUnavailable, "answers 500 Internal Server Error (NAME_UNKNOWN)", true,
		},
		"R23 an unknown code": {answered(799, ""), v1alpha1.ReasonRegistryUnavailable, "answers 799", true},
		"R23 wrapped": {
			fmt.Errorf("reading: %w", get(answered(404, ""))),
			v1alpha1.ReasonImageNotFound, "answers 404 Not Found", true,
		},
		"R23 a strange code": {
			answered(404, `{"errors":[{"code":"a secret"}]}`),
			v1alpha1.ReasonImageNotFound, "answers 404 Not Found", true,
		},
		"R23 a long code": {
			answered(404, `{"errors":[{"code":"`+strings.Repeat("A", 41)+`"}]}`),
			v1alpha1.ReasonImageNotFound, "answers 404 Not Found", true,
		},
		"R23 a second code": {
			answered(404, `{"errors":[{"code":"?"},{"code":"OK"}]}`),
			v1alpha1.ReasonImageNotFound, "answers 404 Not Found (OK)", true,
		},
		"R23 no connection": {
			dialing(os.NewSyscallError("connect", syscall.ECONNREFUSED)),
			v1alpha1.ReasonRegistryUnavailable, "refuses connections", false,
		},
		"R23 no route": {
			dialing(os.NewSyscallError("connect", syscall.EHOSTUNREACH)),
			v1alpha1.ReasonRegistryUnavailable, "closes the connection: dial", false,
		},
		"R23 no time":                 {get(context.DeadlineExceeded), v1alpha1.ReasonRegistryUnavailable, silence, false},
		"R23 a timeout while dialing": {dialing(os.ErrDeadlineExceeded), v1alpha1.ReasonRegistryUnavailable, silence, false},
		"R23 no address": {
			dialing(&net.DNSError{Err: "no such host", Name: "a secret"}),
			v1alpha1.ReasonRegistryUnavailable, "cannot be found by its name", false,
		},
		"R23 an untrusted certificate": {
			get(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}),
			v1alpha1.ReasonRegistryUnavailable, "has a certificate that is not trusted: name its authority with --registry-ca-file", true,
		},
		"R23 no TLS": {
			get(errors.New("http: server gave HTTP response to HTTPS client")),
			v1alpha1.ReasonRegistryUnavailable, "does not use TLS: allow that with --registry-plain-http", true,
		},
		"R23 not allowed": {
			get(errPlainHTTP),
			v1alpha1.ReasonRegistryUnavailable, "does not use TLS: allow that with --registry-plain-http", true,
		},
		"R23 sent on":         {get(errSentOn), v1alpha1.ReasonRegistryUnavailable, "redirects to a host without TLS", true},
		"R23 a redirect loop": {get(errTooMany), v1alpha1.ReasonRegistryUnavailable, "redirects too often", true},
		"R23 too large": {
			fmt.Errorf("reading: %w", errTooLarge),
			v1alpha1.ReasonImageDamaged, "answers with more than 262144 bytes for a manifest, or 524288 for a config", true,
		},
		"R23 cut": {
			fmt.Errorf("reading: %w", io.ErrUnexpectedEOF),
			v1alpha1.ReasonImageDamaged, "sends an incomplete answer", true,
		},
		"R23 another": {
			errors.New(`manifest digest: "a" does not match requested digest: "a secret"`),
			v1alpha1.ReasonImageDamaged, "answers with content that does not match the digest", true,
		},
		"R23 another config": {
			errors.New(`error verifying sha256 checksum after reading 7 bytes; got "a secret"`),
			v1alpha1.ReasonImageDamaged, "answers with content that does not match the digest", true,
		},
		"R23 a shorter config": {
			errors.New("error verifying size; got 6, want 7"),
			v1alpha1.ReasonImageDamaged, "answers with content that does not match the digest", true,
		},
		"R23 a longer config": {
			errors.New("GET https://registry.example.com/v2/app/blobs/sha256:0: Content-Length header 8 does not match expected size 7"),
			v1alpha1.ReasonImageDamaged, "answers with content that does not match the digest", true,
		},
		"R23 damage": {
			&damagedError{"says what it should not"},
			v1alpha1.ReasonImageDamaged, "says what it should not", true,
		},
		"R23 something else": {
			errors.New("a secret"),
			v1alpha1.ReasonRegistryUnavailable, "gives an invalid answer", true,
		},
		"R23 an invalid token": {
			errors.New("no token in bearer response:\na secret"), v1alpha1.ReasonRegistryUnavailable, "gives an invalid answer", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := failed("registry.example.com/app:1", test.err, seen{after: 7 * time.Second})
			if got.Reason != test.reason || got.Message != "registry.example.com/app:1: the registry "+test.does {
				t.Errorf("the failure is %s: %q, want %s: %q", got.Reason, got.Message, test.reason, test.does)
			}
			if got.answered != test.answered {
				t.Errorf("answered: %t, want %t", got.answered, test.answered)
			}
			if got.after != 7*time.Second {
				t.Errorf("the registry is not asked for %s, want 7s", got.after)
			}
			if want := test.reason == v1alpha1.ReasonImageUnauthorized; got.denied() != want {
				t.Errorf("denied: %t, want %t", got.denied(), want)
			}
		})
	}
}

// The status is also known for responses that are too long for the client library; there is none
// without a response.
func TestFailedWithStatus(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		status int
		reason string
		does   string
	}{
		"R23 unread":    {errors.New("a long body"), http.StatusForbidden, v1alpha1.ReasonImageUnauthorized, "answers 403 Forbidden"},
		"R23 read":      {answered(404, ""), http.StatusForbidden, v1alpha1.ReasonImageNotFound, "answers 404 Not Found"},
		"R23 none":      {errors.New("no sense"), 0, v1alpha1.ReasonRegistryUnavailable, "gives an invalid answer"},
		"R23 no answer": {dialing(os.ErrDeadlineExceeded), http.StatusMethodNotAllowed, v1alpha1.ReasonRegistryUnavailable, silence},
	} {
		t.Run(name, func(t *testing.T) {
			got := failed("registry.example.com/app:1", test.err, seen{status: test.status})
			if got.Reason != test.reason || got.Message != "registry.example.com/app:1: the registry "+test.does {
				t.Errorf("the failure is %s: %q, want %s: %q", got.Reason, got.Message, test.reason, test.does)
			}
		})
	}
}

// An expired certificate, or one for another host, is not reported as an unknown authority.
func TestFailedWithCertificate(t *testing.T) {
	for name, err := range map[string]error{
		"R23 another host's": x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"example.com"}}, Host: "registry.example.com"},
		"R23 expired":        x509.CertificateInvalidError{Cert: &x509.Certificate{}, Reason: x509.Expired},
	} {
		t.Run(name, func(t *testing.T) {
			got := failed("registry.example.com/app:1", &tls.CertificateVerificationError{Err: err}, seen{})
			if got.Reason != v1alpha1.ReasonRegistryUnavailable || !strings.Contains(got.Message, "certificate") {
				t.Errorf("the failure is %s: %s", got.Reason, got.Message)
			}
			if strings.Contains(got.Message, "--registry-ca-file") {
				t.Errorf("the advice does not help: %s", got.Message)
			}
		})
	}
}

// words matches every message about a registry: messages contain no text from the registry.
var words = regexp.MustCompile(`^(` + strings.Join([]string{
	`answers \d+( [A-Za-z' -]+)?( \([A-Z_]{1,40}\))?`,
	`answers with more than \d+ bytes for a manifest, or \d+ for a config`,
	`answers with (something that is no manifest|an? (manifest|index) that cannot be read|content that does not match the digest)`,
	`answers with a manifest of [a-z ,]+(sha256:[0-9a-f]{64}[a-z ,]*)+`,
	`sends an incomplete answer`, `cannot be found by its name`, `refuses connections`, `does not answer in time`,
	`has a certificate [a-z: -]+`, `redirects to a host without TLS`, `redirects too often`, `does not use TLS[a-z: -]+`,
	`closes the connection: (dial|read|write|local error|remote error)`, `gives an invalid answer`,
}, "|") + `)$`)

// Whatever fails, the message contains only the operator's own text.
func FuzzFailed(f *testing.F) {
	for i := range 14 {
		f.Add(uint8(i), 404, `{"errors":[{"code":"DENIED","message":"m"}]}`, uint16(i))
	}
	f.Add(uint8(0), 200, "server gave HTTP response to HTTPS client", uint16(0))
	f.Add(uint8(0), 200, "error verifying", uint16(7))
	f.Fuzz(func(t *testing.T, kind uint8, code int, text string, wraps uint16) {
		kinds := []func() error{
			func() error { return errors.New(text) },
			func() error { return answered(code, text) },
			func() error {
				return &transport.Error{StatusCode: code, Errors: []transport.Diagnostic{{Code: transport.ErrorCode(text), Message: text}}}
			},
			func() error { return &net.DNSError{Err: text, Name: text, IsTimeout: code%2 == 0} },
			func() error { return &net.OpError{Op: "read", Net: text, Err: errors.New(text)} },
			func() error { return &net.OpError{Op: "dial", Net: text, Err: syscall.ECONNREFUSED} },
			func() error { return &tls.CertificateVerificationError{Err: errors.New(text)} },
			func() error { return tls.RecordHeaderError{Msg: text} },
			func() error { return errPlainHTTP },
			func() error { return errTooLarge },
			func() error { return io.ErrUnexpectedEOF },
			func() error { return io.EOF },
			func() error { return context.Canceled },
			func() error { return context.DeadlineExceeded },
		}
		if code < 100 || code > 999 {
			return // not a valid status
		}
		err := kinds[int(kind)%len(kinds)]()
		if err == nil {
			return // not a failure
		}
		for ; wraps > 0; wraps >>= 2 {
			switch wraps % 4 {
			case 1:
				err = fmt.Errorf("%s: %w", text, err)
			case 2:
				err = &url.Error{Op: text, URL: text, Err: err}
			case 3:
				err = errors.Join(errors.New(text), err)
			}
		}
		got := failed("example.com/app:1", err, seen{})
		does, ok := strings.CutPrefix(got.Message, "example.com/app:1: the registry ")
		if !ok || !words.MatchString(does) {
			t.Errorf("R23 the message is %q", got.Message)
		}
		if got.Reason == "" {
			t.Error("R23 there is no reason")
		}
	})
}
