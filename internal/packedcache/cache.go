// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package packedcache caches stacks and their objects. It keeps each object compressed to about a
// tenth of its size, and unpacks it only when its stack is reconciled. One watch per kind fills the
// cache.
package packedcache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/paging"
)

// Cache is a manager's cache. It reads only stacks, and has no informers.
type Cache struct {
	namespaces []string
	entries    *entries
	watches    []*watch
	recheck    time.Duration
}

var _ cache.Cache = &Cache{}

var (
	errNotFilled = errors.New("the cache is not filled yet")
	errNotKept   = errors.New("the cache has stacks only; what belongs to one is read together")
)

// New returns the cache of a manager, for the namespaces in the options or for all if there are
// none.
func New(config *rest.Config, options cache.Options) (cache.Cache, error) {
	kinds, err := newKinds()
	if err != nil {
		return nil, err
	}
	return newCache(kinds, config, options)
}

func newCache(kinds []*kind, config *rest.Config, options cache.Options) (*Cache, error) {
	c := &Cache{namespaces: slices.Sorted(maps.Keys(options.DefaultNamespaces)), entries: &entries{}, recheck: recheck}
	namespaces := c.namespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	for _, kind := range kinds {
		lists, err := lists(kind, config, options.Scheme, options.HTTPClient)
		if err != nil {
			return nil, err
		}
		for _, namespace := range namespaces {
			c.add(kind, lists(namespace), options)
		}
	}
	return c, nil
}

// Namespaces returns the cached namespaces; empty means all.
func (c *Cache) Namespaces() []string { return c.namespaces }

func (c *Cache) add(kind *kind, lists *toolscache.ListWatch, options cache.Options) {
	kept := &store{kind: kind, entries: c.entries, filled: make(chan struct{})}
	list := lists.ListWithContextFunc
	lists.ListWithContextFunc = paging.List(list,
		func(object runtime.Object) (runtime.Object, error) { return kept.itemOf(object) })
	settings := toolscache.ReflectorOptions{Name: kind.resource.Resource}
	if kind.resource == stackResource {
		settings.ResyncPeriod = ptr.Deref(options.SyncPeriod, 0)
	}
	c.watches = append(c.watches, &watch{
		store: kept, list: list, reflector: toolscache.NewReflectorWithOptions(lists, kind.fresh(), kept, settings),
	})
}

// Start implements cache.Cache: it runs the watches until the context ends. Their errors, for
// example missing permissions, are only logged.
func (c *Cache) Start(ctx context.Context) error {
	ctx = log.IntoContext(ctx, log.FromContext(ctx).WithName("cache")) // the logger in the reflector options adds almost no context
	var running sync.WaitGroup
	for _, watch := range c.watches {
		running.Go(func() { watch.run(ctx, c.recheck) })
	}
	running.Wait()
	return nil
}

// WaitForCacheSync implements cache.Cache: it waits until all existing objects are cached.
func (c *Cache) WaitForCacheSync(ctx context.Context) bool {
	for _, watch := range c.watches {
		select {
		case <-watch.filled:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (c *Cache) synced() bool {
	for _, watch := range c.watches {
		select {
		case <-watch.filled:
		default:
			return false
		}
	}
	return true
}

// Get implements client.Reader for stacks only.
func (c *Cache) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	stack, ok := into.(*v1alpha1.AppStack)
	if !ok {
		return fmt.Errorf("reading a %T: %w", into, errNotKept)
	}
	if !c.synced() {
		return errNotFilled
	}
	for _, kept := range c.entries.objects(key) {
		if kept.kind.resource != stackResource {
			continue
		}
		object, err := kept.kind.unpack(kept.packed)
		if err != nil {
			return err
		}
		if found, ok := object.(*v1alpha1.AppStack); ok {
			*stack = *found
			return nil
		}
	}
	return apierrors.NewNotFound(stackResource.GroupResource(), key.Name)
}

// Objects are the objects labeled as belonging to a stack, ordered by name. The caller may modify
// them.
type Objects struct {
	Children  []Child
	Revisions []*appsv1.ControllerRevision
}

// Child is one of the stack's children.
type Child struct {
	Kind   model.Kind
	Object client.Object
}

// Of returns the objects that belong to the stack. It returns an error while the cache is not
// filled.
func (c *Cache) Of(stack types.NamespacedName) (Objects, error) {
	if !c.synced() {
		return Objects{}, errNotFilled
	}
	var all Objects
	for _, kept := range c.entries.objects(stack) {
		if kept.kind.resource == stackResource {
			continue
		}
		object, err := kept.kind.unpack(kept.packed)
		if err != nil {
			return Objects{}, err
		}
		if record, ok := object.(*appsv1.ControllerRevision); ok {
			all.Revisions = append(all.Revisions, record)
		} else {
			all.Children = append(all.Children, Child{Kind: kept.kind.name, Object: object})
		}
	}
	slices.SortFunc(all.Children, func(a, b Child) int { return cmp.Compare(a.Object.GetName(), b.Object.GetName()) })
	slices.SortFunc(all.Revisions, func(a, b *appsv1.ControllerRevision) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// List implements client.Reader. It supports no kind and always returns an error.
func (c *Cache) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	return fmt.Errorf("listing a %T: %w", list, errNotKept)
}

// GetInformer implements cache.Cache. It always returns an error.
func (c *Cache) GetInformer(_ context.Context, object client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	return nil, fmt.Errorf("watching a %T: %w", object, errNotKept)
}

// GetInformerForKind implements cache.Cache. It always returns an error.
func (c *Cache) GetInformerForKind(
	_ context.Context, kind schema.GroupVersionKind, _ ...cache.InformerGetOption,
) (cache.Informer, error) {
	return nil, fmt.Errorf("watching %s: %w", kind, errNotKept)
}

// RemoveInformer implements cache.Cache. It always returns an error.
func (c *Cache) RemoveInformer(_ context.Context, object client.Object) error {
	return fmt.Errorf("watching a %T no more: %w", object, errNotKept)
}

// IndexField implements cache.Cache. It always returns an error.
func (c *Cache) IndexField(_ context.Context, _ client.Object, field string, _ client.IndexerFunc) error {
	return fmt.Errorf("indexing %s: %w", strings.TrimSpace(field), errNotKept)
}
