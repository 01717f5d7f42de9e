// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

const checkTimeout = 2 * time.Second

// check is the image's HEALTHCHECK.
func (p program) check(ctx context.Context) error {
	port, err := p.port("PORT", "8080")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", port, healthPath), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // it is only read
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 200)) // the status is the reason, the text only explains it
		return fmt.Errorf("check: %s answered %s: %s", request.URL, response.Status, body)
	}
	return nil
}
