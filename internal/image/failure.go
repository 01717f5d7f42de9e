// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import (
	"context"
	"crypto/tls"
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

// failure is a look-up that failed.
type failure struct {
	model.Unresolved
	// status is the HTTP status that the registry answered; 0 where it gave none.
	status int
	// answered says that the registry answered, if only with an error.
	answered bool
	// after is how long it wants to be left alone.
	after time.Duration
}

func (f *failure) denied() bool { return f.Reason == v1alpha1.ReasonImageUnauthorized }

// failed says what became of a look-up, in words that are the same each time and
// that show nothing of the answer but its status and its code: whoever writes an
// image reference chooses whom the operator asks.
func failed(reference, host string, err error, after time.Duration) *failure {
	answer, ok := errors.AsType[*transport.Error](err)
	if !ok {
		reason, words, answered := withoutAnswer(err)
		return &failure{
			Unresolved: model.Unresolved{Reason: reason, Message: fmt.Sprintf("%s, asked for %s: %s", host, reference, words)},
			answered:   answered,
			after:      after,
		}
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
			Message: fmt.Sprintf("%s, asked for %s: it answers %s", host, reference, statusWords(answer)),
		},
		status:   answer.StatusCode,
		answered: true,
		after:    after,
	}
}

// wellFormed is what error codes look like in the distribution specification.
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

// withoutAnswer is why there was no answer, or none that makes sense.
func withoutAnswer(err error) (reason, words string, answered bool) {
	damaged, isDamage := errors.AsType[*damagedError](err)
	if isDamage {
		return v1alpha1.ReasonImageDamaged, damaged.what, true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return v1alpha1.ReasonRegistryUnavailable, "there is no address for its name", false
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return v1alpha1.ReasonRegistryUnavailable,
			"its certificate is not trusted: name its authority with --registry-ca-file", true
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return v1alpha1.ReasonRegistryUnavailable, "it does not answer in time", false
	}
	switch {
	case errors.Is(err, errPlainHTTP), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return v1alpha1.ReasonRegistryUnavailable, "it speaks no TLS: allow that with --registry-plain-http", true
	case errors.Is(err, syscall.ECONNREFUSED):
		return v1alpha1.ReasonRegistryUnavailable, "it refuses connections", false
	case errors.Is(err, errTooLarge):
		return v1alpha1.ReasonImageDamaged, "its answer is larger than " + errTooLarge.Error(), true
	case errors.Is(err, io.ErrUnexpectedEOF):
		return v1alpha1.ReasonImageDamaged, "its answer is cut short", true
	case strings.Contains(err.Error(), "does not match requested digest"), strings.Contains(err.Error(), "error verifying"):
		return v1alpha1.ReasonImageDamaged, "its answer is not what the digest says", true
	}
	if network, ok := errors.AsType[*net.OpError](err); ok {
		return v1alpha1.ReasonRegistryUnavailable, "the connection fails: " + network.Op, false
	}
	return v1alpha1.ReasonRegistryUnavailable, "its answer makes no sense", true
}
