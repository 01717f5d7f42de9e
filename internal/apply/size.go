// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/appstack-dev/appstack/internal/model"
)

// etcdTooLarge are parts of the messages with which the API server passes on that an object is
// too large for etcd. It reports them as internal errors. The first is etcd's own (1.5 MiB by
// default), the second that of the etcd client (2 MiB).
var etcdTooLarge = []string{"etcdserver: request is too large", "trying to send message larger than max"}

// TooLarge reports whether the API server, or etcd behind it, rejected an object for its size.
// The same request is rejected each time.
func TooLarge(err error) bool {
	if apierrors.IsRequestEntityTooLargeError(err) {
		return true
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Code != http.StatusInternalServerError {
		return false
	}
	for _, words := range etcdTooLarge {
		if strings.Contains(status.Status().Message, words) {
			return true
		}
	}
	return false
}

// sizeWords is the message for an object that is too large, with advice.
func sizeWords(step model.Step, err error) string {
	what := fmt.Sprintf("%s %s", step.Object().Kind, step.Object().Name)
	if rev := model.RevisionOf(step); rev != nil {
		what = fmt.Sprintf("revision %d", rev.Number)
	}
	return what + " is too large to be stored: make the spec smaller, for example by moving long values of env, args or podTemplate " +
		"into a ConfigMap that the pods mount: " + err.Error()
}
