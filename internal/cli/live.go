// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/cli/terminal"
	"github.com/appstack-dev/appstack/internal/naming"
)

const (
	// calm is the least time between two pictures.
	calm = 200 * time.Millisecond
	// tick is after what time a picture is old, as ages are shown in it.
	tick = time.Second
)

// live draws the stack whenever something of it changes, until the context ends.
func (c *connection) live(ctx context.Context, name string, wide bool) error {
	key := c.key(name)
	first, err := c.release(ctx, name)
	if err != nil {
		return err
	}
	cached, changes, err := c.watchAll(ctx, key, first.Denied)
	if err != nil {
		return err
	}
	screen := &terminal.Screen{Out: c.plugin.Out}
	for {
		view := c.plugin.view()
		view.Wide = wide
		r, err := release.Read(ctx, cached, key, c.plugin.explain)
		switch {
		case apierrors.IsNotFound(err):
			return errDeleted
		case err != nil:
			return err
		}
		screen.Draw(view.Look, view.Tree(r, true))
		if !c.nextChange(ctx, changes) {
			return nil
		}
	}
}

// nextChange waits until something changed, or the picture is old; it is false once the context has ended.
func (c *connection) nextChange(ctx context.Context, changes <-chan struct{}) bool {
	select {
	case <-ctx.Done():
		return false
	case <-c.plugin.Clock.After(calm):
	}
	select {
	case <-ctx.Done():
		return false
	case <-changes:
	case <-c.plugin.Clock.After(tick - calm):
	}
	return true
}

// watchAll keeps the stack and what belongs to it in a cache, of the kinds that
// may be seen. Something is sent when any of it changes.
func (c *connection) watchAll(ctx context.Context, key client.ObjectKey, denied map[string]error) (client.Reader, <-chan struct{}, error) {
	own := labels.SelectorFromSet(labels.Set{naming.LabelStack: key.Name})
	byObject := map[client.Object]cache.ByObject{
		&v1alpha1.AppStack{}: {Field: fields.OneTermEqualSelector("metadata.name", key.Name)},
	}
	for kind, object := range release.Kinds() {
		if denied[kind] == nil {
			byObject[object] = cache.ByObject{Label: own}
		}
	}
	cached, err := cache.New(c.config, cache.Options{
		Scheme: c.scheme, Mapper: c.RESTMapper(), ByObject: byObject,
		DefaultNamespaces: map[string]cache.Config{key.Namespace: {}},
		DefaultTransform:  cache.TransformStripManagedFields(),
	})
	if err != nil {
		return nil, nil, fmt.Errorf("watching: %w", err)
	}
	changes := make(chan struct{}, 1)
	changed := func(any) {
		select {
		case changes <- struct{}{}:
		default: // it is to be drawn anew already
		}
	}
	for object := range byObject {
		informer, err := cached.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, nil, fmt.Errorf("watching: %w", err)
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: changed, DeleteFunc: changed, UpdateFunc: func(_, object any) { changed(object) },
		}); err != nil {
			return nil, nil, fmt.Errorf("watching: %w", err)
		}
	}
	go func() { _ = cached.Start(ctx) }() // it ends with the context, and fails only when it is started twice
	if !cached.WaitForCacheSync(ctx) {
		return nil, nil, errors.New("the API server did not send what belongs to the stack")
	}
	return deniedReader{cached, denied}, changes, nil
}

// deniedReader reads from a cache that lacks the kinds that may not be seen.
type deniedReader struct {
	client.Reader
	denied map[string]error
}

// List is the answer of the API server, which is the same as before for what may not be seen.
func (r deniedReader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if err := r.denied[release.KindOf(list)]; err != nil {
		return err
	}
	return r.Reader.List(ctx, list, options...) //nolint:wrapcheck // as the cache has it
}
