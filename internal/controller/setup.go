// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	authenticationv1client "k8s.io/client-go/kubernetes/typed/authentication/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/apply"
	"github.com/appstack-dev/appstack/internal/configwatch"
	"github.com/appstack-dev/appstack/internal/grant"
	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/observe"
	"github.com/appstack-dev/appstack/internal/packedcache"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/podwatch"
	"github.com/appstack-dev/appstack/internal/queue"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/telemetry"
)

// Name is the controller's name in logs, metrics and events.
const Name = "appstack"

// Options configure the controller.
type Options struct {
	// Workers is the maximum number of stacks of one namespace that are reconciled
	// concurrently. One additional worker is for the other namespaces. Defaults to 1.
	Workers int
	// Defaults are applied when new revisions are rendered.
	Defaults render.Defaults
	// Registries configure access to image registries.
	Registries image.Registries
	// ImageWait is how long a release waits for its images to be resolved. Defaults to 10
	// seconds.
	ImageWait time.Duration
	// Clock tells the time.
	Clock clock.WithDelayedExecution
	// Metrics is where the operator's own metrics are registered.
	Metrics prometheus.Registerer
	// SkipNameValidation allows several managers in one process to use the controller, as tests
	// do.
	SkipNameValidation bool
}

// Scheme returns a scheme with the types that the operator reads and writes.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("building the scheme: %w", err)
		}
	}
	return scheme, nil
}

// Cache returns the options of a cache of the stacks and their objects in these namespaces, or
// in all namespaces if none is given. Use it with a manager that has NewCache. It returns an
// error if a namespace is not a valid DNS label.
func Cache(namespaces ...string) (cache.Options, error) {
	options := cache.Options{}
	for _, namespace := range namespaces {
		if words := validation.IsDNS1123Label(namespace); len(words) > 0 {
			return cache.Options{}, fmt.Errorf("%q is no name of a namespace: %s", namespace, strings.Join(words, ", "))
		}
		if options.DefaultNamespaces == nil {
			options.DefaultNamespaces = map[string]cache.Config{}
		}
		options.DefaultNamespaces[namespace] = cache.Config{}
	}
	return options, nil
}

// NewCache creates the cache of the controller's manager. A manager that waits for leader
// election fills it too.
var NewCache cache.NewCacheFunc = packedcache.New

// errOtherCache is returned for a manager that was created without NewCache.
var errOtherCache = errors.New("the manager's cache is another one than the controller's")

// Setup adds the controller to the manager. It returns an error if the manager was created
// without NewCache, or if the clients, the image resolver or the metrics cannot be set up.
func Setup(mgr ctrl.Manager, options Options) error {
	kept, ok := mgr.GetCache().(*packedcache.Cache)
	if !ok {
		return errOtherCache
	}
	pods, err := podWatcher(mgr, kept.Namespaces(), options.Clock)
	if err != nil {
		return err
	}
	counts, err := telemetry.NewMetrics(options.Metrics, packedcache.Conditions{Cache: kept}, mgr.Elected(), pods.Len)
	if err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	granter, err := granter(mgr)
	if err != nil {
		return err
	}
	images, err := resolver(mgr, options, counts, granter)
	if err != nil {
		return err
	}
	about, err := metadata.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("building the client for metadata: %w", err)
	}
	configs := configwatch.NewConfigMaps(about, mgr.GetAPIReader(), kept.Namespaces(), options.Clock)
	secrets := configwatch.NewSecrets(about, mgr.GetAPIReader(), options.Clock)
	planner := plan.Planner{Defaults: options.Defaults}
	reconciler := &Reconciler{
		Client: mgr.GetClient(),
		Observe: &observe.Observer{
			Cache: kept, Live: mgr.GetAPIReader(), Watched: pods, Configs: configs, Secrets: secrets, Granter: granter,
			Plan: planner, Clock: options.Clock,
		},
		Answers: sources{images: images, configs: configs, secrets: secrets},
		Plan:    planner,
		Apply:   &apply.Applier{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: options.Clock},
		Metrics: counts,
		Events:  &telemetry.Events{Recorder: mgr.GetEventRecorder(Name)},
		Pods:    pods,
		Memory:  &memory.Memory{},
		Clock:   options.Clock,
	}
	err = ctrl.NewControllerManagedBy(mgr).
		Named(Name).
		WithOptions(options.controller()).
		// changes of the status also trigger a reconcile, which corrects what somebody else wrote to it
		WatchesRawSource(packedcache.Source{Cache: kept}).
		WatchesRawSource(source.Func(
			func(ctx context.Context, into queue.Queue) error {
				pods.Start(ctx, func(stack types.NamespacedName, priority queue.Priority) { queue.Add(into, priority, stack) })
				images.Start(ctx, func(stack types.NamespacedName) { queue.Add(into, queue.Release, stack) })
				configs.Start(ctx, func(stack types.NamespacedName) { queue.Add(into, queue.Release, stack) })
				secrets.Start(ctx, func(stack types.NamespacedName) { queue.Add(into, queue.Release, stack) })
				return nil
			})).
		Complete(reconciler)
	if err != nil {
		return fmt.Errorf("building the controller: %w", err)
	}
	return nil
}

// controller returns the options for controller-runtime.
func (o Options) controller() controller.Options {
	workers := max(1, o.Workers)
	return controller.Options{
		MaxConcurrentReconciles: workers + 1,
		SkipNameValidation:      &o.SkipNameValidation,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryDelay, maxBackoff),
		ReconciliationTimeout:   timeout,
		NewQueue: func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) queue.Queue {
			return queue.NewFair(priorityqueue.New(name, func(o *priorityqueue.Opts[reconcile.Request]) {
				o.RateLimiter = limiter
			}), workers, o.Clock)
		},
	}
}

// podWatcher creates the pod watcher. It has its own client, because the manager's would keep
// every kind that it watches in its cache permanently.
func podWatcher(mgr ctrl.Manager, namespaces []string, clock clock.PassiveClock) (*podwatch.Watcher, error) {
	config := rest.CopyConfig(mgr.GetConfig())
	config.ContentType = runtime.ContentTypeProtobuf
	core, err := corev1client.NewForConfigAndClient(config, mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("building the client for pods: %w", err)
	}
	return &podwatch.Watcher{Pods: core.RESTClient(), Namespaces: namespaces, Live: mgr.GetAPIReader(), Clock: clock}, nil
}

// granter returns the composer of commands that grant rights to the operator's account.
func granter(mgr ctrl.Manager) (*grant.Granter, error) {
	authentication, err := authenticationv1client.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("building the client for reviews: %w", err)
	}
	return &grant.Granter{Identity: func(ctx context.Context) (string, error) {
		review, err := authentication.SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		if err != nil {
			return "", fmt.Errorf("asking who the operator is: %w", err)
		}
		return review.Status.UserInfo.Username, nil
	}}, nil
}

// resolver creates the image resolver, which reads pull credentials with the operator's own
// rights.
func resolver(mgr ctrl.Manager, options Options, counts *telemetry.Metrics, granter *grant.Granter) (*image.Resolver, error) {
	images, err := image.New(image.Options{
		Registries: options.Registries,
		Wait:       options.ImageWait,
		Live:       mgr.GetAPIReader(),
		Granter:    granter,
		Clock:      options.Clock,
		Took:       counts.LookedUp,
	})
	if err != nil {
		return nil, fmt.Errorf("reaching registries: %w", err)
	}
	return images, nil
}
