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

// fetch makes one request, on a connection of its own. A redirect is not
// followed: it is the answer.
//
// The token may come in the header X-Token too, where no log of URLs has it. The
// proxy of the API server keeps Authorization for itself.
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
