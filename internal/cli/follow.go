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
	// retryInterval is how long follow waits before it watches again. The interval doubles with
	// each failed attempt.
	retryInterval = time.Second
	// maxRetryInterval is the longest interval.
	maxRetryInterval = 15 * time.Second
)

// errDeleted is returned by everything that follows a stack when the stack is deleted.
var errDeleted = errors.New("the stack was deleted")

// follower watches a stack.
type follower struct {
	*connection
	name string
	// onChange is called with the stack at first and after each change. The watch ends if it returns
	// done or an error.
	onChange func(*v1alpha1.AppStack) (done bool, err error)
	// found is set once the stack has been read.
	found bool
}

// follow calls onChange with the stack at first and after each change, until onChange is done or
// returns an error, or the context ends. If the API server cannot be reached, it tries again with
// growing intervals.
func (c *connection) follow(ctx context.Context, name string, onChange func(*v1alpha1.AppStack) (done bool, err error)) error {
	f := &follower{connection: c, name: name, onChange: onChange}
	wait, reported := retryInterval, ""
	for {
		done, err := f.watch(ctx)
		switch {
		case done:
			return err
		case ctx.Err() != nil: // the watch ends with the context
			return ctx.Err()
		case err == nil: // the API server closes watches now and then
			wait, reported = retryInterval, ""
		case !f.found && !isOverloaded(err), apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
			return err
		default:
			if message := c.plugin.explain(err); message != reported {
				reported = message
				fmt.Fprintln(c.plugin.ErrOut, c.plugin.errView().Wrap("", message+"; trying again"))
			}
			wait = min(2*wait, maxRetryInterval)
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

// watch watches the stack until onChange is done, or the API server closes the watch.
func (f *follower) watch(ctx context.Context) (done bool, err error) {
	var list v1alpha1.AppStackList
	own := []client.ListOption{client.InNamespace(f.namespace), client.MatchingFields{"metadata.name": f.name}}
	if err := f.List(ctx, &list, own...); err != nil {
		return false, err
	}
	if len(list.Items) == 0 {
		if f.found {
			return true, errDeleted
		}
		return true, apierrors.NewNotFound(v1alpha1.GroupVersion.WithResource("appstacks").GroupResource(), f.name)
	}
	f.found = true
	if done, err := f.onChange(&list.Items[0]); done || err != nil {
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
				if done, err := f.onChange(stack); done || err != nil {
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
