// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package scrape authorizes clients that read the metrics: the API server must authenticate their
// token and allow them to get the path. The filter of controller-runtime does the same with the
// libraries of the API server, which make the binary half as large again.
package scrape

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// maxToken limits the length of a token, in bytes. Tokens of service accounts are about a tenth as
// long.
const maxToken = 16 << 10

// patience is the timeout for both requests to the API server together.
const patience = 10 * time.Second

// Filter returns a filter that passes only authorized requests. It returns an error if the clients
// cannot be built.
func Filter(config *rest.Config, client *http.Client) (metricsserver.Filter, error) {
	authentication, err := authenticationclient.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("building the client for tokens: %w", err)
	}
	authorization, err := authorizationclient.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("building the client for rights: %w", err)
	}
	k := &keeper{
		tokens: authentication.TokenReviews(),
		rights: authorization.SubjectAccessReviews(),
		memory: memory{clock: clock.RealClock{}},
	}
	return k.filter, nil
}

// keeper authorizes requests with the API server.
type keeper struct {
	tokens authenticationclient.TokenReviewInterface
	rights authorizationclient.SubjectAccessReviewInterface
	memory memory
}

// question is a request to authorize.
type question struct {
	token, verb, path string
}

func (k *keeper) filter(log logr.Logger, next http.Handler) (http.Handler, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := question{token: bearer(r.Header), verb: strings.ToLower(r.Method), path: r.URL.Path}
		if asked.token == "" {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		status, err := k.answer(r.Context(), asked)
		if err != nil {
			log.Error(err, "the API server does not say who may read the metrics")
			status = http.StatusInternalServerError
		}
		if status != http.StatusOK {
			http.Error(w, http.StatusText(status), status)
			return
		}
		r.Header.Del("Authorization")
		next.ServeHTTP(w, r)
	}), nil
}

// bearer returns the bearer token of a request, or "" if there is none or it is too long.
func bearer(header http.Header) string {
	scheme, token, _ := strings.Cut(strings.TrimSpace(header.Get("Authorization")), " ")
	if !strings.EqualFold(scheme, "Bearer") || len(token) > maxToken {
		return ""
	}
	return strings.TrimSpace(token)
}

// answer returns the HTTP status for the request: OK, Unauthorized or Forbidden. It uses the cache
// if possible.
func (k *keeper) answer(ctx context.Context, asked question) (int, error) {
	if status, known := k.memory.recall(asked); known {
		return status, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	status, err := k.ask(ctx, asked)
	if err == nil {
		k.memory.note(asked, status)
	}
	return status, err
}

// ask authenticates and authorizes the request with the API server.
func (k *keeper) ask(ctx context.Context, asked question) (int, error) {
	token, err := k.tokens.Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: asked.token},
	}, metav1.CreateOptions{})
	if err != nil {
		return 0, fmt.Errorf("reviewing a token: %w", err)
	}
	if !token.Status.Authenticated {
		return http.StatusUnauthorized, nil
	}
	user := token.Status.User
	extra := map[string]authorizationv1.ExtraValue{}
	for key, value := range user.Extra {
		extra[key] = authorizationv1.ExtraValue(value)
	}
	access, err := k.rights.Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
			NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: asked.path, Verb: asked.verb},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return 0, fmt.Errorf("reviewing the rights of %s: %w", user.Username, err)
	}
	if !access.Status.Allowed || access.Status.Denied {
		return http.StatusForbidden, nil
	}
	return http.StatusOK, nil
}
