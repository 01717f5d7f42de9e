// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// The manager command runs the AppStack operator.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	// authentication plugins, for running outside a cluster
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/appstack-dev/appstack/internal/controller"
	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/scrape"
)

// version is set when the manager is built for a release.
var version = "development"

// garbage is the GC percentage if GOGC is not set. It is lower than Go's default of 100 to save
// memory: the live heap is mostly strings, which cost the garbage collector almost nothing to scan.
const garbage = 50

// retryPeriod is how often the leader renews its lease and other managers try to acquire it. The
// others wait for up to 2.2 times as long (client-go's leaderelection.JitterFactor): after a leader
// has released its lease, stacks may wait for that time.
const retryPeriod = time.Second

// settings holds the values of the flags.
type settings struct {
	metricsAddress string
	metricsSecure  bool
	metricsCertDir string
	probeAddress   string
	pprofAddress   string
	leaderElect    bool
	leaseNamespace string
	namespaces     string
	workers        int
	resync         time.Duration
	plainHTTP      string
	skip           string
	caFile         string
	logging        zap.Options
}

func main() {
	var s settings
	flag.StringVar(&s.metricsAddress, "metrics-bind-address", "0",
		`Address at which metrics are served, such as ":8443"; "0" disables them.`)
	flag.BoolVar(&s.metricsSecure, "metrics-secure", true,
		"Serve metrics over HTTPS, to clients that the API server authenticates and authorizes.")
	flag.StringVar(&s.metricsCertDir, "metrics-cert-dir", "",
		"Folder with tls.crt and tls.key for the metrics. By default a certificate is generated at the start.")
	flag.StringVar(&s.probeAddress, "health-probe-bind-address", ":8081", "Address of /healthz and /readyz.")
	flag.StringVar(&s.pprofAddress, "pprof-bind-address", "0",
		`Address at which profiles are served without authentication, at /debug/pprof, such as "127.0.0.1:6060"; "0" disables them.`)
	flag.BoolVar(&s.leaderElect, "leader-elect", false, "Elect a leader, so that one of several managers reconciles at a time.")
	flag.StringVar(&s.leaseNamespace, "leader-election-namespace", "",
		"Namespace of the leader's lease; needed only outside a cluster.")
	flag.StringVar(&s.namespaces, "watch-namespaces", "",
		"Namespaces whose stacks are reconciled, separated by commas. Defaults to all, which needs a ClusterRole.")
	flag.IntVar(&s.workers, "workers", 4,
		"Number of stacks of one namespace to reconcile concurrently. One additional worker is for the other namespaces.")
	flag.DurationVar(&s.resync, "resync", 10*time.Hour,
		"Interval at which every stack is reconciled without a change.")
	flag.StringVar(&s.plainHTTP, "registry-plain-http", "",
		`Registries to contact without TLS, such as "registry.local:5000", separated by commas.`)
	flag.StringVar(&s.skip, "registry-skip", "",
		`Registries not to contact, separated by commas: their images run as written. "*" means all.`)
	flag.StringVar(&s.caFile, "registry-ca-file", "",
		"File with CA certificates (PEM) to trust for registries, in addition to those of the system.")
	s.logging.BindFlags(flag.CommandLine)
	flag.Parse()

	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&s.logging)))
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	ctrl.Log.Info("starting", "version", version)
	if err := run(s); err != nil {
		ctrl.Log.Error(err, "the manager stops")
		os.Exit(1)
	}
}

func run(s settings) error {
	scheme, err := controller.Scheme()
	if err != nil {
		return err
	}
	caching, err := controller.Cache(list(s.namespaces)...)
	if err != nil {
		return fmt.Errorf("reading --watch-namespaces: %w", err)
	}
	caching.SyncPeriod = &s.resync
	registries, err := s.registries()
	if err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	serving := metricsserver.Options{
		BindAddress:   s.metricsAddress,
		SecureServing: s.metricsSecure,
		CertDir:       s.metricsCertDir,
		TLSOpts: []func(*tls.Config){func(c *tls.Config) {
			c.NextProtos = []string{"http/1.1"} // without HTTP/2, because of CVE-2023-44487 and CVE-2023-39325
		}},
	}
	if s.metricsSecure {
		serving.FilterProvider = scrape.Filter
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         caching,
		NewCache:                      controller.NewCache,
		Metrics:                       serving,
		HealthProbeBindAddress:        s.probeAddress,
		PprofBindAddress:              s.pprofAddress,
		LeaderElection:                s.leaderElect,
		LeaderElectionID:              "manager.apps.appstack.dev",
		LeaderElectionNamespace:       s.leaseNamespace,
		LeaderElectionReleaseOnCancel: true, // the process ends right after the manager stops
		RetryPeriod:                   new(retryPeriod),
	})
	if err != nil {
		return fmt.Errorf("building the manager: %w", err)
	}
	ctx := ctrl.SetupSignalHandler()
	err = controller.Setup(mgr, controller.Options{
		Workers:    s.workers,
		Defaults:   render.StandardDefaults(),
		Registries: registries,
		Clock:      clock.RealClock{},
		Metrics:    metrics.Registry,
	})
	if err != nil {
		return err
	}
	if err := mgr.AddHealthzCheck("healthz", healthz.Ping); err != nil {
		return fmt.Errorf("adding the health check: %w", err)
	}
	if err := mgr.AddReadyzCheck("readyz", filled(mgr.GetCache())); err != nil {
		return fmt.Errorf("adding the readiness check: %w", err)
	}
	if err := start(ctx, mgr); err != nil {
		return fmt.Errorf("running the manager: %w", err)
	}
	return nil
}

// start runs the manager until the context ends. If the cache has not synced by then, for example
// because permissions are missing, start does not wait for the manager: it has never led, and it
// would go on waiting for its cache, at full CPU load, until it is killed.
func start(ctx context.Context, mgr ctrl.Manager) error {
	ended, works := make(chan error, 1), make(chan struct{})
	go func() { ended <- mgr.Start(ctx) }()
	go func() {
		if mgr.GetCache().WaitForCacheSync(ctx) {
			close(works)
		}
	}()
	select {
	case err := <-ended:
		return err //nolint:wrapcheck // the caller adds context
	case <-ctx.Done():
	}
	select {
	case <-works:
		return <-ended //nolint:wrapcheck // the caller adds context
	default:
		return nil
	}
}

// filled returns a readiness check that succeeds once the cache has synced, so that the manager can
// take over from another leader at once. Without the required permissions it never succeeds.
func filled(cache cache.Cache) healthz.Checker {
	return func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), 500*time.Millisecond) // the kubelet's timeout is one second
		defer cancel()
		if !cache.WaitForCacheSync(ctx) {
			return errors.New("the cache is not filled yet")
		}
		return nil
	}
}

// registries returns how to access image registries, from the flags. It returns an error if the CA
// file cannot be read.
func (s settings) registries() (image.Registries, error) {
	registries := image.Registries{PlainHTTP: list(s.plainHTTP), Skip: list(s.skip)}
	if s.caFile == "" {
		return registries, nil
	}
	certificates, err := os.ReadFile(s.caFile)
	if err != nil {
		return image.Registries{}, fmt.Errorf("reading --registry-ca-file: %w", err)
	}
	registries.CA = certificates
	return registries, nil
}

// list splits a flag's value at commas and spaces.
func list(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
}
