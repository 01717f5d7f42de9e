// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package operator runs the operator inside a test process, against any API server.
package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/appstack-dev/appstack/internal/controller"
	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/internal/render"
)

// Options configure the operator.
type Options struct {
	// Defaults default to render.StandardDefaults.
	Defaults render.Defaults
	// Resync is the interval at which every stack is reconciled without a change. Defaults to never.
	Resync time.Duration
	// Registries configure access to registries. By default none is contacted: images run as
	// written.
	Registries *image.Registries
	// ImageWait is how long a release waits for its images. Defaults to 10 seconds.
	ImageWait time.Duration
	// Namespaces are the namespaces whose stacks are reconciled. Defaults to all.
	Namespaces []string
	// Clock tells the time. Defaults to the real one.
	Clock clock.WithDelayedExecution
	// Metrics is where the operator's metrics are registered. Defaults to a new registry.
	Metrics prometheus.Registerer
}

// errNotStopped is returned if the operator does not stop.
var errNotStopped = errors.New("the operator did not stop within 30 s")

// Start runs the operator and waits until its cache is filled. The returned function stops it and
// waits until it has stopped.
func Start(ctx context.Context, config *rest.Config, options Options) (stop func() error, err error) {
	if options.Metrics == nil {
		options.Metrics = prometheus.NewRegistry()
	}
	if options.Defaults == (render.Defaults{}) {
		options.Defaults = render.StandardDefaults()
	}
	if options.Registries == nil {
		options.Registries = &image.Registries{Skip: []string{"*"}}
	}
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	scheme, err := controller.Scheme()
	if err != nil {
		return nil, err
	}
	cache, err := controller.Cache(options.Namespaces...)
	if err != nil {
		return nil, err
	}
	if options.Resync > 0 {
		cache.SyncPeriod = &options.Resync
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:   scheme,
		Cache:    cache,
		NewCache: controller.NewCache,
		Metrics:  metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		return nil, fmt.Errorf("building the manager: %w", err)
	}
	err = controller.Setup(mgr, controller.Options{
		Workers:            4,
		Defaults:           options.Defaults,
		Registries:         *options.Registries,
		ImageWait:          options.ImageWait,
		Clock:              options.Clock,
		Metrics:            options.Metrics,
		SkipNameValidation: true,
	})
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(running) }()
	stop = func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(30 * time.Second):
			return errNotStopped
		}
	}
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		return nil, errors.Join(errors.New("the cache does not sync"), stop())
	}
	return stop, nil
}

// Reconciled returns the number of reconciles of all operators in this process.
func Reconciled() float64 { return total("controller_runtime_reconcile_total") }

// Panics returns how many of them panicked.
func Panics() float64 { return total("controller_runtime_reconcile_panics_total") }

// total returns the sum of a counter of the controller over its other labels.
func total(counter string) float64 {
	families, err := metrics.Registry.Gather()
	if err != nil {
		panic(err) // the registry is this process's own
	}
	var sum float64
	for _, family := range families {
		if family.GetName() != counter {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "controller" && label.GetValue() == controller.Name {
					sum += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return sum
}
