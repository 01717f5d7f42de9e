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
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// failure is the result of a lookup that failed.
type failure struct {
	model.Unresolved
	// answered reports whether the registry responded, even if only with an error.
	answered bool
	// after is the Retry-After time that the registry asked for; 0 if none.
	after time.Duration
}

func (f *failure) denied() bool { return f.Reason == v1alpha1.ReasonImageUnauthorized }

// failed converts the error of a lookup to a failure. Its message is the same each time, and shows
// only the status and error code of a response: whoever writes an image reference decides which
// host the operator contacts, and must not be able to read its responses.
func failed(reference string, err error, seen seen) *failure {
	answer, ok := errors.AsType[*transport.Error](err)
	if !ok {
		reason, words, answered := withoutAnswer(err)
		if !answered || seen.status == 0 || isDamaged(err) {
			return &failure{
				Unresolved: model.Unresolved{Reason: reason, Message: failureWords(reference, words)},
				answered:   answered,
				after:      seen.after,
			}
		}
		answer = &transport.Error{StatusCode: seen.status} // the library did not read the body
	}
	reason := v1alpha1.ReasonRegistryUnavailable
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		reason = v1alpha1.ReasonImageUnauthorized
	case http.StatusNotFound:
		reason = v1alpha1.ReasonImageNotFound
	case http.StatusTooManyRequests:
		reason = v1alpha1.ReasonImageTooManyRequests
	}
	return &failure{
		Unresolved: model.Unresolved{
			Reason:  reason,
			Message: failureWords(reference, "answers "+statusWords(answer)),
		},
		answered: true,
		after:    seen.after,
	}
}

// failureWords returns the message of a failed lookup; does is what the registry does.
func failureWords(reference, does string) string { return reference + ": the registry " + does }

// silence is the message for a registry that does not respond.
const silence = "does not answer in time"

// wellFormed matches the error codes of the distribution specification.
var wellFormed = regexp.MustCompile(`^[A-Z_]{1,40}$`)

func statusWords(answer *transport.Error) string {
	words := strings.TrimSpace(fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode)))
	for _, diagnostic := range answer.Errors {
		if code := string(diagnostic.Code); wellFormed.MatchString(code) {
			return words + " (" + code + ")"
		}
	}
	return words
}

// withoutAnswer classifies an error without an HTTP error status: the registry did not respond, or
// sent an invalid response.
func withoutAnswer(err error) (reason, does string, answered bool) {
	if damaged, ok := errors.AsType[*damagedError](err); ok {
		return v1alpha1.ReasonImageDamaged, damaged.does, true
	}
	if words := damage(err); words != "" {
		return v1alpha1.ReasonImageDamaged, words, true
	}
	does, answered = unreached(err)
	return v1alpha1.ReasonRegistryUnavailable, does, answered
}

// damage describes what is wrong with a response; empty if there is none or nothing is wrong with
// it.
func damage(err error) string {
	switch {
	case errors.Is(err, errTooLarge):
		return fmt.Sprintf("answers with more than %d bytes for a manifest, or %d for a config", maxManifest, maxBody)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "sends an incomplete answer"
	case strings.Contains(err.Error(), "does not match requested digest"),
		strings.Contains(err.Error(), "does not match expected size"), strings.Contains(err.Error(), "error verifying"):
		return "answers with content that does not match the digest"
	}
	return ""
}

// unreached describes what prevented a valid response. answered reports whether the registry was
// reached.
func unreached(err error) (does string, answered bool) {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "cannot be found by its name", false
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "refuses connections", false
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return silence, false
	}
	if distrust, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return distrusted(distrust), true
	}
	if errors.Is(err, errSentOn) {
		return "redirects to a host without TLS", true
	}
	if errors.Is(err, errTooMany) {
		return "redirects too often", true
	}
	if errors.Is(err, errPlainHTTP) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") {
		return "does not use TLS: allow that with --registry-plain-http", true
	}
	if network, ok := errors.AsType[*net.OpError](err); ok {
		return "closes the connection: " + network.Op, false
	}
	return "gives an invalid answer", true
}

// distrusted describes what is wrong with the registry's certificate.
func distrusted(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "has a certificate for another name"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "has a certificate that is not valid now"
	}
	return "has a certificate that is not trusted: name its authority with --registry-ca-file"
}

func isDamaged(err error) bool {
	_, damaged := errors.AsType[*damagedError](err)
	return damaged
}
