// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package observe reads a stack's children and revisions from the cache. It reads from the API
// server only objects that the stack may adopt, because the cache leaves them out, and ConfigMaps
// that have changed. While a rollout is open it reads the pods too.
package observe

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/grant"
	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/packedcache"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/podwatch"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
	"github.com/appstack-dev/appstack/internal/rollout"
)

// Observer observes the state of stacks.
type Observer struct {
	// Cache holds the objects that carry a stack's labels.
	Cache Cache
	// Live reads from the API server, not from the cache.
	Live client.Reader
	// Watched watches pods.
	Watched *podwatch.Watcher
	// Configs watches ConfigMaps.
	Configs Configs
	// Secrets watches Secrets.
	Secrets Secrets
	// Granter composes the commands that let the operator watch Secrets.
	Granter *grant.Granter
	// Plan knows which ConfigMaps a stack names.
	Plan plan.Planner
	// Clock measures the age of the last writes.
	Clock clock.PassiveClock
}

// Cache reads objects with a stack's labels.
type Cache interface {
	Of(stack types.NamespacedName) (packedcache.Objects, error)
}

// Configs observes the ConfigMaps that a stack names. See configwatch.Watcher.
type Configs interface {
	Observe(ctx context.Context, stack types.NamespacedName, recorded map[string]model.ObservedConfig) (
		map[string]model.ObservedConfig, error)
}

// Secrets observes the Secrets that a stack names. See configwatch.Watcher.
type Secrets interface {
	Configs
	// Denied returns the error with which the API server denies the watch in the namespace, or nil.
	Denied(namespace string) error
	// Forget stops observing the stack's Secrets.
	Forget(stack types.NamespacedName)
}

// State reads the stack's state except its pods. It returns an error if the cache, or an object
// that may be adopted, cannot be read; a revision that cannot be decoded is reported in
// State.Damaged, and a ConfigMap that cannot be read in State.Config.
func (o *Observer) State(ctx context.Context, stack *v1alpha1.AppStack, mem *memory.Stack) (model.State, error) {
	state := model.State{
		Stack:      stack,
		Children:   model.Children{},
		Config:     plan.NewConfigState(stack.Spec.Config),
		LastWrites: mem.Writes.Last(),
		Rejected:   mem.Writes.Rejected(),
	}
	objects, err := o.Cache.Of(client.ObjectKeyFromObject(stack))
	if err != nil {
		return model.State{}, fmt.Errorf("reading the cache: %w", err)
	}
	collect(&state, objects.Children)
	decode(&state, objects.Revisions)
	state.Stale = o.behind(objects, mem)
	if model.Adopts(stack) {
		if err := o.findAdoptable(ctx, &state); err != nil {
			return model.State{}, err
		}
	}
	o.config(ctx, &state, mem)
	o.secrets(ctx, &state, mem)
	return state, nil
}

// config adds what is known of the ConfigMaps that the stack names.
func (o *Observer) config(ctx context.Context, state *model.State, mem *memory.Stack) {
	observed, err := o.Configs.Observe(ctx, client.ObjectKeyFromObject(state.Stack), o.Plan.ConfigNames(*state))
	if err != nil {
		log.FromContext(ctx).Error(err, "observing the ConfigMaps that the stack names")
	}
	state.Config.Observed, state.Config.Unread = observed, err != nil
	differs := plan.ConfigDiffers(*state)
	state.Config.SpecSince, state.Config.ChangedSince = mem.Config.Observe(state.Stack.Generation, differs, o.Clock.Now())
}

// behind reports whether the cache does not show the operator's last writes yet.
func (o *Observer) behind(objects packedcache.Objects, mem *memory.Stack) bool {
	now := o.Clock.Now()
	shown := map[string]string{}
	for _, stored := range objects.Revisions {
		shown[stored.Name] = stored.ResourceVersion
	}
	behind := mem.Records.Behind(shown, now)
	for _, child := range objects.Children {
		if child.Kind == model.KindDeployment && mem.Writes.Behind(child.Object.GetUID(), child.Object.GetGeneration(), now) {
			behind = true
		}
	}
	return behind
}

// Pods adds the stack's pods to the state while its rollout is open. If they cannot be read, it
// logs the error.
func (o *Observer) Pods(ctx context.Context, state *model.State, open model.Rollout) {
	deadline := render.ProgressDeadline(state.Stack.Spec)
	deployments := state.Children.Deployments()
	templates := rollout.NeedsTemplates(open, deadline, deployments, state.Observations, o.Clock.Now()) || plan.NeedsTemplates(*state)
	pods, err := o.Watched.Watch(ctx, client.ObjectKeyFromObject(state.Stack), templates)
	if err != nil {
		// the reconcile continues without pods, and the plan requests another one soon
		log.FromContext(ctx).Error(err, "the pods are left out of account for now")
	}
	state.Pods = pods
}

// collect adds children to the state.
func collect(state *model.State, children []packedcache.Child) {
	for _, child := range children {
		if model.OwnershipOf(state.Stack, child.Object) == model.Inherited {
			state.Predecessor = fmt.Sprintf("%s %q", child.Kind, child.Object.GetName())
		}
		if child.Kind == model.KindConfigMap {
			addCopy(state, child.Object)
		} else {
			state.Children.Put(child.Kind, child.Object)
		}
	}
}

// addCopy adds a copy of a ConfigMap to the state if it belongs to the stack. Other ConfigMaps with
// the stack's label are ignored.
func addCopy(state *model.State, object client.Object) {
	ownership := model.OwnershipOf(state.Stack, object)
	if _, copied := object.GetAnnotations()[naming.AnnotationConfigSource]; !copied ||
		ownership != model.Owned && ownership != model.Orphaned || object.GetDeletionTimestamp() != nil {
		return
	}
	state.Config.Copies[object.GetName()] = model.ExistingCopy{
		ObjectID: model.ObjectID{
			Kind: model.KindConfigMap, Name: object.GetName(), UID: object.GetUID(), ResourceVersion: object.GetResourceVersion(),
		},
		CreatedAt: object.GetCreationTimestamp().Time,
		Orphan:    ownership == model.Orphaned,
	}
}

// decode adds revisions to the state, in the order of their numbers.
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

// findAdoptable reads objects that existed before the stack and that it may adopt; the cache
// leaves them out because they have no label of the stack. It reads all adoptable kinds,
// because whether the component needs one may depend on its image.
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
