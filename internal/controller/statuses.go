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
	// calm is how often numbers of pods are told of a stack while nothing else has
	// changed, and how long a status is held back, where a worker is free then.
	calm = time.Second
	// catchUp is how long the cache may take to show a status that was written.
	catchUp = 10 * time.Second
)

// hold keeps back the status of a pass that wrote something: it is of what was
// before, and the next pass, which follows at once, tells what came of it. Where
// every pass writes for too long, it is told all the same. The result is the time
// until the next pass, 0 where the status is written.
func (r *Reconciler) hold(
	ctx context.Context, stack *v1alpha1.AppStack, last *memory.Status, next v1alpha1.AppStackStatus,
) (time.Duration, error) {
	if last.Held == nil {
		last.Since = r.Clock.Now()
	}
	last.Held = &next
	return r.release(ctx, stack, last)
}

// release tells what was held back for long enough, if anything was: the cache is
// behind, and a pass that knows more has to wait for it. What cannot be told yet
// stays held back. The result is the time until it is due, 0 where nothing is.
func (r *Reconciler) release(ctx context.Context, stack *v1alpha1.AppStack, last *memory.Status) (time.Duration, error) {
	held, now := last.Held, r.Clock.Now()
	if held == nil || held.ObservedGeneration != stack.Generation {
		return 0, nil
	}
	if model.Within(calm, last.Since, now) {
		return last.Since.Add(calm).Sub(now), nil
	}
	due, err := r.write(ctx, stack, last, *held)
	if due > 0 || err != nil {
		last.Held = held
	}
	return due, err
}

// write writes the status, if it is another one, unless all that is new are
// numbers and some were told just now. It is not written where the stack is
// another one by now, or gone: what was found out is not of that one. The result
// is the time until it is due again, 0 where nothing is left to tell.
func (r *Reconciler) write(
	ctx context.Context, stack *v1alpha1.AppStack, last *memory.Status, next v1alpha1.AppStackStatus,
) (time.Duration, error) {
	now := r.Clock.Now()
	last.Held = nil
	switch {
	case equality.Semantic.DeepEqual(stack.Status, next):
		if !model.Within(catchUp, last.At, now) {
			*last = memory.Status{}
		}
		return 0, nil
	case stack.ResourceVersion == last.Replaced && model.Within(catchUp, last.At, now):
		return behind, nil // the cache does not show the last one yet, and this one would be refused
	case model.Within(calm, last.At, now) && !status.Pressing(stack.Status, next):
		return last.At.Add(calm).Sub(now), nil
	}
	changed := stack.DeepCopy()
	changed.Status = next
	patch := client.MergeFromWithOptions(stack, client.MergeFromWithOptimisticLock{})
	err := r.Client.Status().Patch(ctx, changed, patch)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return soon, nil
	}
	if err != nil {
		return 0, fmt.Errorf("writing the status: %w", err)
	}
	*last = memory.Status{Replaced: stack.ResourceVersion, At: now}
	return 0, nil
}
