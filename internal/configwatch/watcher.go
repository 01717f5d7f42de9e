// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package configwatch observes the ConfigMaps that stacks name. One watch of the metadata of all
// ConfigMaps notices changes; only ConfigMaps that a stack names are read, and only when they have
// changed. The package keeps versions and hashes, but no content.
package configwatch

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/paging"
)

// Watcher observes ConfigMaps. It is safe for concurrent use.
type Watcher struct {
	// Metadata watches the metadata of ConfigMaps.
	Metadata metadata.Interface
	// Namespaces are the namespaces in which the operator may watch; empty means all.
	Namespaces []string
	// Live reads ConfigMaps without a cache.
	Live client.Reader
	// Clock gives the times at which changes are observed.
	Clock clock.PassiveClock

	mu      sync.Mutex
	running context.Context // the watch outlives the reconcile that starts it
	changed func(types.NamespacedName)
	// stores are the observed ConfigMaps, by namespace; metav1.NamespaceAll if Namespaces is empty.
	stores map[string]*store
	// named are the ConfigMaps that a stack names, by stack.
	named map[types.NamespacedName][]string
}

// Start sets the context in which the watch runs, and the function to call for a stack when a
// ConfigMap that it names has changed. The watch itself starts once a stack names a ConfigMap.
func (w *Watcher) Start(ctx context.Context, changed func(types.NamespacedName)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running, w.changed = ctx, changed
	w.stores, w.named = map[string]*store{}, map[types.NamespacedName][]string{}
}

// Observe returns what is known of the ConfigMaps that the stack names, and reports their changes
// from now on, and those of no others. recorded is what the stack's records say of each; where its
// version is still the current one, the ConfigMap is not read. The result is nil until the watch
// has listed all ConfigMaps, which is reported as a change.
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
			config, read, err := w.read(ctx, key)
			if err != nil {
				return nil, err
			}
			read.Hash = config.Hash()
			observed = store.put(key, events, read)
		}
		seen[name] = *observed
	}
	return seen, nil
}

// Read returns the live content of the ConfigMaps, by name; nil for one that does not exist. With
// each it returns its version.
func (w *Watcher) Read(
	ctx context.Context, namespace string, names []string,
) (map[string]*model.ConfigMap, map[string]string, error) {
	configs, versions := map[string]*model.ConfigMap{}, map[string]string{}
	for _, name := range names {
		key := types.NamespacedName{Namespace: namespace, Name: name}
		store, events := w.known(key)
		config, read, err := w.read(ctx, key)
		if err != nil {
			return nil, nil, err
		}
		if store != nil {
			read.Hash = config.Hash()
			store.put(key, events, read)
		}
		configs[name], versions[name] = config, read.Version
	}
	return configs, versions, nil
}

// known returns the store that has the ConfigMap, with the number of its changes so far; nil if no
// stack names it.
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

// read reads a ConfigMap: its content, which is nil if it does not exist, and what is observed of it
// but for the hash.
func (w *Watcher) read(ctx context.Context, key types.NamespacedName) (*model.ConfigMap, model.ObservedConfig, error) {
	found := &corev1.ConfigMap{}
	if err := w.Live.Get(ctx, key, found); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, model.ObservedConfig{}, nil
		}
		return nil, model.ObservedConfig{}, fmt.Errorf("reading ConfigMap %s: %w", key.Name, err)
	}
	content := &model.ConfigMap{Data: found.Data, BinaryData: found.BinaryData}
	return content, model.ObservedConfig{Version: versionOf(found), Writer: lastWriter(found)}, nil
}

// lastWriter returns the field manager that last changed the object; empty if it is not known.
func lastWriter(object metav1.Object) string {
	var last metav1.ManagedFieldsEntry
	for _, entry := range object.GetManagedFields() {
		if last.Time == nil || last.Time.Before(entry.Time) {
			last = entry
		}
	}
	return last.Manager
}

// Forget stops reporting changes for the stack.
func (w *Watcher) Forget(stack types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if names := w.named[stack]; len(names) > 0 {
		w.stores[w.scope(stack.Namespace)].follow(stack, names, nil)
		delete(w.named, stack)
	}
}

// follow sets the ConfigMaps that the stack names, and returns the store that has them. It starts
// the watch if necessary.
func (w *Watcher) follow(stack types.NamespacedName, names []string) *store {
	w.mu.Lock()
	defer w.mu.Unlock()
	scope := w.scope(stack.Namespace)
	kept := w.stores[scope]
	if kept == nil {
		kept = newStore(w.Clock.Now, w.changed)
		w.stores[scope] = kept
		reflector := cache.NewReflectorWithOptions(w.listWatch(scope), &metav1.PartialObjectMetadata{}, kept,
			cache.ReflectorOptions{Name: "ConfigMaps in " + cmp.Or(scope, "all namespaces")})
		go reflector.RunWithContext(w.running)
	}
	if !slices.Equal(w.named[stack], names) {
		kept.follow(stack, w.named[stack], names)
		w.named[stack] = names
	}
	return kept
}

// scope returns the namespace of the watch that observes the given namespace.
func (w *Watcher) scope(namespace string) string {
	if len(w.Namespaces) == 0 {
		return metav1.NamespaceAll
	}
	return namespace
}

// listWatch returns how to list and watch the metadata of ConfigMaps.
func (w *Watcher) listWatch(namespace string) cache.ListerWatcher {
	resource := w.Metadata.Resource(corev1.SchemeGroupVersion.WithResource("configmaps")).Namespace(namespace)
	list := func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return resource.List(ctx, options)
	}
	lists := &cache.ListWatch{
		ListWithContextFunc: paging.List(list, reduce),
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return resource.Watch(ctx, options)
		},
	}
	return cache.ToListWatcherWithWatchListSemantics(lists, w.Metadata)
}
