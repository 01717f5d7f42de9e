// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package configwatch observes the ConfigMaps and Secrets that stacks name. A watch of the metadata of
// all objects of the kind notices changes; only objects that a stack names are read, and only when they
// have changed. The package keeps versions and hashes, but no content.
package configwatch

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/paging"
)

// Watcher observes the objects of one kind. It is safe for concurrent use.
type Watcher struct {
	// metadata watches the metadata of the objects.
	metadata metadata.Interface
	// resource is the plural name of the kind, as in URLs.
	resource string
	// namespaces are the namespaces in which the operator may watch; empty means all.
	namespaces []string
	// perNamespace says that each namespace has a watch of its own, which ends when no stack there names
	// an object any more. The right to watch one namespace is then enough for its stacks.
	perNamespace bool
	// fetch reads an object without a cache. The result is AbsentHash without a version if it does not
	// exist.
	fetch func(ctx context.Context, key types.NamespacedName) (model.ObservedConfig, error)
	// clock gives the times at which changes are observed.
	clock clock.PassiveClock

	mu      sync.Mutex
	running context.Context // the watches outlive the reconciles that start them
	changed func(types.NamespacedName)
	// stores are the observed objects, by the namespace of the watch; metav1.NamespaceAll for all.
	stores map[string]*store
	// named are the objects that a stack names, by stack.
	named map[types.NamespacedName][]string
}

// Start sets the context in which the watches run, and the function to call for a stack when an
// object that it names has changed. A watch starts once a stack names an object.
func (w *Watcher) Start(ctx context.Context, changed func(types.NamespacedName)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running, w.changed = ctx, changed
	w.stores, w.named = map[string]*store{}, map[types.NamespacedName][]string{}
}

// Observe returns what is known of the objects that the stack names, and reports their changes from
// now on, and those of no others. recorded is what the stack's records say of each; where its version
// is still the current one, the object is not read. The result is nil until the watch has listed all
// objects, which is reported as a change.
func (w *Watcher) Observe(
	ctx context.Context, stack types.NamespacedName, recorded map[string]model.ObservedConfig,
) (map[string]model.ObservedConfig, error) {
	if len(recorded) == 0 {
		w.Forget(stack)
		return nil, nil
	}
	store := w.follow(stack, slices.Sorted(maps.Keys(recorded)))
	if !store.isListed() {
		return nil, nil
	}
	seen := make(map[string]model.ObservedConfig, len(recorded))
	for name, known := range recorded {
		key := types.NamespacedName{Namespace: stack.Namespace, Name: name}
		observed, events := store.get(key, known)
		if observed == nil {
			read, err := w.fetch(ctx, key)
			if err != nil {
				return nil, err
			}
			observed = store.put(key, events, read)
		}
		seen[name] = *observed
	}
	return seen, nil
}

// Denied returns the error with which the API server denies the watch of the objects in the namespace;
// nil if it does not, or if there is no watch.
func (w *Watcher) Denied(namespace string) error {
	w.mu.Lock()
	kept := w.stores[w.scope(namespace)]
	w.mu.Unlock()
	if kept == nil {
		return nil
	}
	return kept.denial()
}

// known returns the store that has the object, with the number of its changes so far; nil if no stack
// names it.
func (w *Watcher) known(key types.NamespacedName) (*store, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if kept := w.stores[w.scope(key.Namespace)]; kept != nil {
		if events, found := kept.eventsOf(key); found {
			return kept, events
		}
	}
	return nil, 0
}

// Forget stops reporting changes for the stack.
func (w *Watcher) Forget(stack types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	names := w.named[stack]
	if len(names) == 0 {
		return
	}
	scope := w.scope(stack.Namespace)
	delete(w.named, stack)
	if unused := w.stores[scope].follow(stack, names, nil); unused && w.perNamespace {
		w.stores[scope].stop()
		delete(w.stores, scope)
	}
}

// follow sets the objects that the stack names, and returns the store that has them. It starts the
// watch if necessary.
func (w *Watcher) follow(stack types.NamespacedName, names []string) *store {
	w.mu.Lock()
	defer w.mu.Unlock()
	scope := w.scope(stack.Namespace)
	kept := w.stores[scope]
	if kept == nil {
		var ctx context.Context
		kept = newStore(w.clock.Now, w.changed)
		ctx, kept.stop = context.WithCancel(w.running)
		w.stores[scope] = kept
		reflector := cache.NewReflectorWithOptions(w.listWatch(scope, kept), &metav1.PartialObjectMetadata{}, kept,
			cache.ReflectorOptions{Name: w.resource + " in " + cmp.Or(scope, "all namespaces")})
		go reflector.RunWithContext(ctx)
	}
	if !slices.Equal(w.named[stack], names) {
		kept.follow(stack, w.named[stack], names)
		w.named[stack] = names
	}
	return kept
}

// scope returns the namespace of the watch that observes the given namespace.
func (w *Watcher) scope(namespace string) string {
	if len(w.namespaces) == 0 && !w.perNamespace {
		return metav1.NamespaceAll
	}
	return namespace
}

// listWatch returns how to list and watch the metadata of the objects. The store gets to know whether
// the API server denies it.
func (w *Watcher) listWatch(namespace string, kept *store) cache.ListerWatcher {
	resource := w.metadata.Resource(corev1.SchemeGroupVersion.WithResource(w.resource)).Namespace(namespace)
	list := func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		found, err := resource.List(ctx, options)
		kept.answered(err)
		return found, err
	}
	lists := &cache.ListWatch{
		ListWithContextFunc: paging.List(list, reduce),
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			events, err := resource.Watch(ctx, options)
			kept.answered(err)
			return events, err
		},
	}
	return cache.ToListWatcherWithWatchListSemantics(lists, w.metadata)
}
