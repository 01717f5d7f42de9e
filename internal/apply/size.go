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

// etcdTooLarge are the words in which the API server passes on that an object is
// too large for etcd: as an internal error, since it knows no better. The first is
// etcd's own (1.5 MiB by default), the second that of its client (2 MiB).
var etcdTooLarge = []string{"etcdserver: request is too large", "trying to send message larger than max"}

// TooLarge says whether an object has more bytes than the API server, or etcd
// behind it, takes: the same request is refused each time.
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

// sizeWords say what is too large, and what to do about it.
func sizeWords(step model.Step, err error) string {
	what := fmt.Sprintf("%s %s", step.Object().Kind, step.Object().Name)
	if rev := model.RevisionOf(step); rev != nil {
		what = fmt.Sprintf("revision %d", rev.Number)
	}
	return what + " is too large to be stored: make the spec smaller, for example by moving long values of env, args or podTemplate " +
		"into a ConfigMap that the pods mount: " + err.Error()
}
