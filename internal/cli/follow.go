// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

const (
	// pause is how long follow waits before it watches again. The interval doubles with each failed
	// attempt.
	pause = time.Second
	// maxPause is the longest interval.
	maxPause = 15 * time.Second
)

// errDeleted is returned by everything that follows a stack when the stack is deleted.
var errDeleted = errors.New("the stack was deleted")

// follower watches a stack.
type follower struct {
	*connection
	name string
	// see is called with the stack at first and after each change. The watch ends if it returns
	// done or an error.
	see func(*v1alpha1.AppStack) (done bool, err error)
	// seen is set once the stack has been read.
	seen bool
}

// follow calls see with the stack at first and after each change, until see is done or returns an
// error, or the context ends. If the API server cannot be reached any more, it tries again with
// growing intervals.
func (c *connection) follow(ctx context.Context, name string, see func(*v1alpha1.AppStack) (done bool, err error)) error {
	f := &follower{connection: c, name: name, see: see}
	wait, said := pause, ""
	for {
		done, err := f.watch(ctx)
		switch {
		case done:
			return err
		case ctx.Err() != nil: // the watch ends with the context
			return ctx.Err()
		case err == nil: // the API server closes watches now and then
			wait, said = pause, ""
		case !f.seen && !isOverloaded(err), apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
			return err
		default:
			if words := c.plugin.explain(err); words != said {
				said = words
				fmt.Fprintln(c.plugin.ErrOut, c.plugin.errView().Wrap("", words+"; trying again"))
			}
			wait = min(2*wait, maxPause)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.plugin.Clock.After(wait):
		}
	}
}

// isOverloaded reports whether the API server answered, but with an error that may not occur again.
func isOverloaded(err error) bool {
	return apierrors.IsInternalError(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) ||
		apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err)
}

// watch watches the stack until see is done, or the API server closes the watch.
func (f *follower) watch(ctx context.Context) (done bool, err error) {
	var list v1alpha1.AppStackList
	own := []client.ListOption{client.InNamespace(f.namespace), client.MatchingFields{"metadata.name": f.name}}
	if err := f.List(ctx, &list, own...); err != nil {
		return false, err
	}
	if len(list.Items) == 0 {
		if f.seen {
			return true, errDeleted
		}
		return true, apierrors.NewNotFound(v1alpha1.GroupVersion.WithResource("appstacks").GroupResource(), f.name)
	}
	f.seen = true
	if done, err := f.see(&list.Items[0]); done || err != nil {
		return true, err
	}
	from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}}
	watcher, err := f.Watch(ctx, &list, append(own, from)...)
	if err != nil {
		return false, err
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		switch event.Type {
		case watch.Added, watch.Modified:
			if stack, ok := event.Object.(*v1alpha1.AppStack); ok {
				if done, err := f.see(stack); done || err != nil {
					return true, err
				}
			}
		case watch.Deleted:
			return true, errDeleted
		case watch.Error:
			return false, apierrors.FromObject(event.Object)
		case watch.Bookmark:
		}
	}
	return false, nil
}
