// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package observe reads a stack's children and revisions: from the cache, and
// from the API server only where the stack takes over what the cache leaves out.
// While a rollout is open it has the pods watched too.
package observe

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/inventory"
	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/ledger"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/podwatch"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
	"github.com/appstack-dev/appstack/internal/rollout"
)

// Observer reads what belongs to a stack.
type Observer struct {
	// Cache holds the objects that carry a stack's labels.
	Cache Cache
	// Live reads past the cache.
	Live client.Reader
	// Ledger remembers the last writes.
	Ledger *ledger.Ledger
	// Pods watches pods.
	Pods *podwatch.Watcher
	// Clock tells how long ago they were.
	Clock clock.PassiveClock

	sights Sights
}

// Cache reads what carries a stack's labels.
type Cache interface {
	Of(stack types.NamespacedName) (inventory.Objects, error)
}

// catchUp is how long the cache may take to show a write. After that what it
// shows is true, as when the cluster was restored from a backup.
const catchUp = 10 * time.Second

// State observes the stack.
func (o *Observer) State(ctx context.Context, stack *v1alpha1.AppStack) (model.State, error) {
	state := model.State{
		Stack:    stack,
		Children: model.Children{},
		Accepted: o.Ledger.Of(client.ObjectKeyFromObject(stack)),
		Refused:  o.Ledger.Refused(client.ObjectKeyFromObject(stack)),
	}
	objects, err := o.Cache.Of(client.ObjectKeyFromObject(stack))
	if err != nil {
		return model.State{}, fmt.Errorf("reading the cache: %w", err)
	}
	collect(&state, objects.Children)
	decode(&state, objects.Revisions)
	state.Stale = o.recordsBehind(stack, objects.Revisions)
	now := o.Clock.Now()
	for _, deployment := range state.Children.Deployments() {
		written := state.Accepted[deployment.UID]
		if deployment.Generation < written.Generation && model.Within(catchUp, written.At, now) {
			state.Stale = true
		}
	}
	if !state.Stale { // else it is not known whether a rollout is open
		o.pods(ctx, &state)
	}
	if model.Adopts(stack) {
		if err := o.findAdoptable(ctx, &state); err != nil {
			return model.State{}, err
		}
	}
	o.forgetGone(state, now)
	return state, nil
}

// forgetGone forgets the answers about children that others have deleted. The cache
// may not show yet what was made a moment ago.
func (o *Observer) forgetGone(state model.State, now time.Time) {
	there := map[types.UID]bool{}
	for _, object := range kinds.Each(state.Children) {
		there[object.GetUID()] = true
	}
	for child, last := range state.Accepted {
		if !there[child] && !model.Within(catchUp, last.At, now) {
			o.Ledger.Drop(client.ObjectKeyFromObject(state.Stack), child)
		}
	}
}

// recordsBehind says whether the cache does not show yet what was last recorded
// of a revision. Rollouts are numbered by all records together: without the last
// one the next would get its number again (R5).
//
// What the cache has shown once need not be remembered: it never goes back.
func (o *Observer) recordsBehind(stack *v1alpha1.AppStack, items []*appsv1.ControllerRevision) (behind bool) {
	key, now := client.ObjectKeyFromObject(stack), o.Clock.Now()
	for name, write := range o.Ledger.Records(key) {
		shown := ""
		if at := slices.IndexFunc(items, func(c *appsv1.ControllerRevision) bool { return c.Name == name }); at >= 0 {
			shown = items[at].ResourceVersion
		}
		if slices.Contains(write.Before, shown) && model.Within(catchUp, write.At, now) {
			behind = true
		} else {
			o.Ledger.Erased(key, name)
		}
	}
	return behind
}

// Forget ends what is done for a stack that is gone, or about to go.
func (o *Observer) Forget(stack types.NamespacedName) {
	o.Pods.Stop(stack)
	o.sights.Forget(stack)
}

// Follow has the stack's pods watched while a rollout is open, from when it begins
// until it ends. Paused, nothing is judged by them (R16a). It is that rollout; nil
// where none is followed.
func (o *Observer) Follow(state model.State) *model.Rollout {
	stack := client.ObjectKeyFromObject(state.Stack)
	timeline := revision.Timeline(state.Revisions)
	if len(timeline) == 0 || !timeline[0].Open() || state.Stack.Spec.Paused {
		o.Forget(stack)
		return nil
	}
	o.Pods.Begin(stack)
	o.Pods.Relax(stack, timeline[0].Failed())
	return &timeline[0]
}

// pods are what is seen of them, where they are followed.
func (o *Observer) pods(ctx context.Context, state *model.State) {
	open := o.Follow(*state)
	if open == nil {
		return
	}
	stack := client.ObjectKeyFromObject(state.Stack)
	deployments := state.Children.Deployments()
	state.Sight = o.sights.Look(stack, *open, deployments, o.Clock)
	deadline := render.ProgressDeadline(state.Stack.Spec)
	templates := rollout.NeedsTemplates(*open, deadline, deployments, state.Sight, o.Clock.Now()) || plan.NeedsTemplates(*state)
	pods, err := o.Pods.Watch(ctx, stack, templates)
	if err != nil {
		// the rest goes on without them, and the plan asks for another look soon
		log.FromContext(ctx).Error(err, "the pods are left out of account for now")
	}
	state.Pods = pods
}

// collect puts children into the state.
func collect(state *model.State, children []inventory.Child) {
	for _, child := range children {
		if model.OwnershipOf(state.Stack, child.Object) == model.Inherited {
			state.Predecessor = fmt.Sprintf("%s %q", child.Kind, child.Object.GetName())
		}
		state.Children.Put(child.Kind, child.Object)
	}
}

// decode puts revisions into the state by number.
func decode(state *model.State, items []*appsv1.ControllerRevision) {
	for _, stored := range items {
		switch model.OwnershipOf(state.Stack, stored) {
		case model.Owned, model.Orphaned:
			if stored.Name != naming.Revision(state.Stack.Name, stored.Revision) {
				continue // a copy that someone made
			}
			rev, err := revision.Decode(stored)
			if err != nil {
				state.Damaged = &model.Problem{
					Reason:  v1alpha1.ReasonRevisionDamaged,
					Message: fmt.Sprintf("%v: restore it from a backup, or delete it to do without that revision", err),
				}
				continue
			}
			state.Revisions = append(state.Revisions, rev)
		case model.Inherited:
			state.Predecessor = fmt.Sprintf("%s %q", model.KindRevision, stored.Name)
		case model.Foreign, model.Unclaimed:
		}
	}
	slices.SortFunc(state.Revisions, func(a, b model.Revision) int { return cmp.Compare(a.Number, b.Number) })
}

// findAdoptable looks for objects that were there before the stack, and that it can
// take over: the cache leaves them out, as they carry none of its labels. Whether the
// component is to have one may depend on its image.
func (o *Observer) findAdoptable(ctx context.Context, state *model.State) error {
	for component := range render.Operations(state.Stack.Spec) {
		key := client.ObjectKey{Namespace: state.Stack.Namespace, Name: naming.Object(state.Stack.Name, component)}
		for _, kind := range kinds.All {
			if !kind.Adoptable || state.Children.Find(kind.Name, key.Name) != nil {
				continue
			}
			object := kind.New()
			found, err := o.get(ctx, key, object)
			if err != nil {
				return err
			}
			if found {
				state.Children.Put(kind.Name, object)
			}
		}
	}
	return nil
}

func (o *Observer) get(ctx context.Context, key client.ObjectKey, object client.Object) (found bool, err error) {
	if err := o.Live.Get(ctx, key, object); err != nil {
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return false, fmt.Errorf("looking for what is to be adopted: %w", err)
	}
	return true, nil
}
