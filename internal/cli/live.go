// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/duration"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/cli/terminal"
	"github.com/appstack-dev/appstack/internal/naming"
)

const (
	// frameInterval is the minimum interval between two frames.
	frameInterval = 200 * time.Millisecond
	// tick is the interval at which a frame is redrawn without a change, because it shows ages.
	tick = time.Second
)

// live draws the stack, and redraws it on each change of the stack or its objects, until the
// context ends.
func (c *connection) live(ctx context.Context, name string, wide bool) error {
	key := c.key(name)
	first, err := c.release(ctx, name)
	if err != nil {
		return err
	}
	failure := &watchFailure{}
	cached, changes, err := c.watchAll(ctx, key, first.Denied, failure)
	switch {
	case errors.Is(err, context.Canceled):
		return nil
	case err != nil:
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
		frame := view.Tree(r, true)
		if text := failure.message(view.Now); text != "" {
			frame += view.Wrap("", view.Paint(terminal.Bad, text)) + "\n"
		}
		screen.Draw(view.Look, frame)
		if !c.nextChange(ctx, changes) {
			return nil
		}
	}
}

// nextChange waits until the next frame is due, because of a change or because ages have changed.
// It returns false if the context has ended.
func (c *connection) nextChange(ctx context.Context, changes <-chan struct{}) bool {
	select {
	case <-ctx.Done():
		return false
	case <-c.plugin.Clock.After(frameInterval):
	}
	select {
	case <-ctx.Done():
		return false
	case <-changes:
	case <-c.plugin.Clock.After(tick - frameInterval):
	}
	return true
}

// watchAll starts a cache of the stack and its objects, without the kinds that the user may not
// list. It sends to the returned channel when any of them changes.
func (c *connection) watchAll(
	ctx context.Context, key client.ObjectKey, denied map[string]error, failure *watchFailure,
) (client.Reader, <-chan struct{}, error) {
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
		DefaultWatchErrorHandler: func(_ context.Context, _ *toolscache.Reflector, err error) {
			failure.record(c.plugin.explain(err), c.plugin.Clock.Now())
		},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("watching: %w", err)
	}
	changes := make(chan struct{}, 1)
	changed := func(any) {
		failure.clear()
		select {
		case changes <- struct{}{}:
		default: // a redraw is pending already
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
	if !cached.WaitForCacheSync(ctx) {    // it waits as long as the context lasts
		return nil, nil, ctx.Err()
	}
	return deniedReader{cached, denied}, changes, nil
}

// deniedReader reads from a cache that lacks the kinds in denied.
type deniedReader struct {
	client.Reader
	denied map[string]error
}

// List lists from the cache. For a denied kind it returns the error that the API server answered
// with before.
func (r deniedReader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if err := r.denied[release.KindOf(list)]; err != nil {
		return err
	}
	return r.Reader.List(ctx, list, options...) //nolint:wrapcheck // as the cache has it
}

// watchFailure records that the API server does not answer, so that the frame may be outdated.
type watchFailure struct {
	mutex sync.Mutex
	text  string
	began time.Time
}

// record records an error of a watch. A single one is normal, because the API server ends watches
// now and then: message reports only errors that last.
func (w *watchFailure) record(text string, now time.Time) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.text == "" {
		w.began = now
	}
	w.text = text
}

// clear records that the API server has answered again.
func (w *watchFailure) clear() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.text = ""
}

// message returns a message with how long the API server has not answered; empty if it does.
func (w *watchFailure) message(now time.Time) string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if age := now.Sub(w.began); w.text != "" && age > maxSilence {
		return fmt.Sprintf("no updates for %s: %s", duration.HumanDuration(age), w.text)
	}
	return ""
}

// maxSilence is how long the API server may not answer before a message says so.
const maxSilence = 3 * time.Second
