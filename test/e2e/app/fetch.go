// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	fetchTimeout = 5 * time.Second
	fetchMaxBody = 1 << 20
)

// Fetched is the answer to GET /fetch, which is always 200.
type Fetched struct {
	Status int    `json:"status"` // 0 without an answer
	Body   string `json:"body"`   // its first MiB
	Error  string `json:"error"`
}

// fetch sends one request on a new connection. It returns redirects instead of following
// them.
//
// The token may also be in the header X-Token, so that no log of URLs contains it. The
// proxy of the API server does not forward Authorization.
func fetch(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	token := cmp.Or(r.Header.Get("X-Token"), query.Get("token"))
	fetched, err := fetchURL(r.Context(), query.Get("url"), token, query.Get("insecure") == "true")
	if err != nil {
		fetched.Error = err.Error()
	}
	answerJSON(w, fetched)
}

func fetchURL(ctx context.Context, url, token string, insecure bool) (Fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Fetched{}, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: insecure},
		},
		CheckRedirect: noRedirect,
	}
	response, err := client.Do(request)
	if err != nil {
		return Fetched{}, err
	}
	defer func() { _ = response.Body.Close() }() // it is only read
	body, err := io.ReadAll(io.LimitReader(response.Body, fetchMaxBody))
	if err != nil {
		err = fmt.Errorf("reading the body: %w", err)
	}
	return Fetched{Status: response.StatusCode, Body: string(body)}, err
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
