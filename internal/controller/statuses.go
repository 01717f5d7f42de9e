// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
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
func (r *Reconciler) hold(ctx context.Context, stack *v1alpha1.AppStack, next v1alpha1.AppStackStatus) (time.Duration, error) {
	key, now := client.ObjectKeyFromObject(stack), r.Clock.Now()
	last := r.statuses.of(stack)
	if last.held == nil {
		last.since = now
	}
	last.held = &next
	r.statuses.keep(key, last)
	return r.release(ctx, stack)
}

// release tells what was held back for long enough, if anything was: the cache is
// behind, and a pass that knows more has to wait for it. What cannot be told yet
// stays held back. The result is the time until it is due, 0 where nothing is.
func (r *Reconciler) release(ctx context.Context, stack *v1alpha1.AppStack) (time.Duration, error) {
	last, now := r.statuses.of(stack), r.Clock.Now()
	if last.held == nil || last.held.ObservedGeneration != stack.Generation {
		return 0, nil
	}
	if model.Within(calm, last.since, now) {
		return last.since.Add(calm).Sub(now), nil
	}
	due, err := r.write(ctx, stack, *last.held)
	if due > 0 || err != nil {
		r.statuses.keep(client.ObjectKeyFromObject(stack), last)
	}
	return due, err
}

// write writes the status, if it is another one, unless all that is new are
// numbers and some were told just now. It is not written where the stack is
// another one by now, or gone: what was found out is not of that one. The result
// is the time until it is due again, 0 where nothing is left to tell.
func (r *Reconciler) write(ctx context.Context, stack *v1alpha1.AppStack, next v1alpha1.AppStackStatus) (time.Duration, error) {
	key, now := client.ObjectKeyFromObject(stack), r.Clock.Now()
	last := r.statuses.of(stack)
	if last.held != nil {
		last.held = nil
		r.statuses.keep(key, last)
	}
	switch {
	case equality.Semantic.DeepEqual(stack.Status, next):
		if !model.Within(catchUp, last.at, now) {
			r.statuses.forget(key)
		}
		return 0, nil
	case stack.ResourceVersion == last.replaced && model.Within(catchUp, last.at, now):
		return behind, nil // the cache does not show the last one yet, and this one would be refused
	case model.Within(calm, last.at, now) && !status.Pressing(stack.Status, next):
		return last.at.Add(calm).Sub(now), nil
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
	r.statuses.keep(key, told{stack: stack.UID, replaced: stack.ResourceVersion, at: now})
	return 0, nil
}

// statuses is what is remembered of those that were written. It is only memory:
// without it, one is written a moment sooner. Its zero value is empty and ready.
type statuses struct {
	mu      sync.Mutex
	byStack map[types.NamespacedName]told
}

// told is the last status of a stack that was written.
type told struct {
	stack types.UID
	// replaced is the resource version of the stack that the write replaced.
	replaced string
	at       time.Time
	// held is what the last pass has not told; nil where it has. The first of such
	// passes in a row was at since.
	held  *v1alpha1.AppStackStatus
	since time.Time
}

// of is what is remembered of the stack. That of an earlier one of its name, whose
// end no pass saw, is not told of it.
func (s *statuses) of(stack *v1alpha1.AppStack) told {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.byStack[client.ObjectKeyFromObject(stack)]
	if last.stack != stack.UID {
		return told{stack: stack.UID}
	}
	return last
}

func (s *statuses) keep(stack types.NamespacedName, last told) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byStack == nil {
		s.byStack = map[types.NamespacedName]told{}
	}
	s.byStack[stack] = last
}

// forget forgets a stack that is gone.
func (s *statuses) forget(stack types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byStack, stack)
}
