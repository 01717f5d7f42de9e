// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// pause is between two tries to watch.
const pause = time.Second

// errDeleted ends whatever follows a stack.
var errDeleted = errors.New("the stack was deleted")

// follow shows the stack as it is to see, and again each time that it changes,
// until see is done or the context ends. An API server that is away for a while
// is waited for.
func (c *connection) follow(ctx context.Context, name string, see func(*v1alpha1.AppStack) (done bool, err error)) error {
	for seen := false; ; {
		done, err := c.watchOnce(ctx, name, &seen, see)
		switch {
		case done || isFinal(err):
			return err
		case ctx.Err() != nil: // what ended the watch, too
			return context.Cause(ctx)
		case err != nil:
			fmt.Fprintf(c.plugin.ErrOut, "%s; trying again\n", c.plugin.explain(err))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.plugin.Clock.After(pause):
		}
	}
}

// isFinal says whether the error is no matter of waiting.
func isFinal(err error) bool {
	final := final{}
	return errors.As(err, &final) || errors.Is(err, errDeleted) || meta.IsNoMatchError(err) ||
		apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsInvalid(err)
}

// final is an error of the one who looks.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// watchOnce follows the stack until the API server ends the watch, as it does now and then.
func (c *connection) watchOnce(
	ctx context.Context, name string, seen *bool, see func(*v1alpha1.AppStack) (done bool, err error),
) (bool, error) {
	if _, err := c.stack(ctx, name); err != nil {
		if *seen && apierrors.IsNotFound(err) {
			return true, errDeleted
		}
		return false, err
	}
	watcher, err := c.Watch(ctx, &v1alpha1.AppStackList{}, client.InNamespace(c.namespace), client.MatchingFields{"metadata.name": name})
	if err != nil {
		return false, err
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		switch event.Type {
		case watch.Added, watch.Modified:
			*seen = true
			stack, ok := event.Object.(*v1alpha1.AppStack)
			if !ok {
				continue
			}
			if done, err := see(stack); err != nil {
				return true, final{err}
			} else if done {
				return true, nil
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
