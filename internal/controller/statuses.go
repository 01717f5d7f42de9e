// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package controller

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/status"
)

const (
	// statusInterval is the minimum interval between status updates that change only pod numbers, and the
	// time for which a status is held back, or longer if all workers are busy.
	statusInterval = time.Second
	// maxCacheLag is how long the cache may take to show a written status.
	maxCacheLag = 10 * time.Second
)

// hold holds back the status of a reconcile that wrote something. That status is outdated
// already; the next reconcile, which follows at once, reports the results. If further reconciles
// keep writing, the status is written once it has been held back for a second. It returns the time
// until that is due, 0 if the status has been written.
func (r *Reconciler) hold(
	ctx context.Context, stack *v1alpha1.AppStack, last *memory.Status, next v1alpha1.AppStackStatus,
) (time.Duration, error) {
	if last.Held == nil {
		last.Since = r.Clock.Now()
	}
	last.Held = &next
	return r.flush(ctx, stack, last)
}

// flush writes the status that is held back once statusInterval has passed. It is also called
// while the cache is behind, because then no reconcile can compute a newer status. A status that
// cannot be written yet stays held back. It returns the time until the status is due, 0 if none is
// held back.
func (r *Reconciler) flush(ctx context.Context, stack *v1alpha1.AppStack, last *memory.Status) (time.Duration, error) {
	held, now := last.Held, r.Clock.Now()
	if held == nil || held.ObservedGeneration != stack.Generation {
		return 0, nil
	}
	if model.Within(statusInterval, last.Since, now) {
		return last.Since.Add(statusInterval).Sub(now), nil
	}
	due, err := r.write(ctx, stack, last, *held)
	if due > 0 || err != nil {
		last.Held = held
	}
	return due, err
}

// write writes the status if it differs. A status that changes only numbers is delayed if
// another was written a moment ago. A status that was computed for another version of the stack,
// or for a stack that is gone, is not written. It returns the time until the status is due again,
// 0 if nothing is left to write.
func (r *Reconciler) write(
	ctx context.Context, stack *v1alpha1.AppStack, last *memory.Status, next v1alpha1.AppStackStatus,
) (time.Duration, error) {
	now := r.Clock.Now()
	last.Held = nil
	switch {
	case equality.Semantic.DeepEqual(stack.Status, next):
		if !model.Within(maxCacheLag, last.At, now) {
			*last = memory.Status{}
		}
		return 0, nil
	case stack.ResourceVersion == last.Replaced && model.Within(maxCacheLag, last.At, now):
		return cacheDelay, nil // the cache does not show the last status yet, so this write would be a conflict
	case model.Within(statusInterval, last.At, now) && !status.Pressing(stack.Status, next):
		return last.At.Add(statusInterval).Sub(now), nil
	}
	changed := stack.DeepCopy()
	changed.Status = next
	patch := client.MergeFromWithOptions(stack, client.MergeFromWithOptimisticLock{})
	err := r.Client.Status().Patch(ctx, changed, patch)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return retryDelay, nil
	}
	if err != nil {
		return 0, fmt.Errorf("writing the status: %w", err)
	}
	*last = memory.Status{Replaced: stack.ResourceVersion, At: now}
	return 0, nil
}
