// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/appstack-dev/appstack/internal/controller"
)

// TestStopsWithoutRights checks that a manager without read permission stops.
func TestStopsWithoutRights(t *testing.T) {
	ctrl.SetLogger(logr.Discard())
	asked := make(chan struct{}, 1)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "forbidden", http.StatusForbidden)
		select {
		case asked <- struct{}{}:
		default:
		}
	}))
	defer api.Close()
	scheme, err := controller.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	mgr, err := ctrl.NewManager(&rest.Config{Host: api.URL}, ctrl.Options{
		Scheme:                 scheme,
		NewCache:               controller.NewCache,
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- start(ctx, mgr) }()
	<-asked
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the manager ends with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the manager does not end")
	}
}
