// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/plan"
)

// namesAreFree checks with live reads, before anything is written, that every name to be
// created is free (R26): the cache does not hold objects without the stack's labels. Names of
// Deployments that the dry runs of the preceding rollout start found free are not checked
// again. The start of a rollout itself does not need the check, because its dry runs detect
// names that are taken.
func (e *execution) namesAreFree(ctx context.Context, names []model.ObjectID) (bool, error) {
	for _, name := range names {
		if e.memory.Names.IsFree(name.Target(), e.Clock.Now()) {
			continue
		}
		object := &metav1.PartialObjectMetadata{}
		gvk, err := e.Client.GroupVersionKindFor(kinds.Of(name.Kind).New())
		if err != nil {
			return false, fmt.Errorf("looking for %s %s: %w", name.Kind, name.Name, err)
		}
		object.SetGroupVersionKind(gvk)
		key := client.ObjectKey{Namespace: e.stack.Namespace, Name: name.Name}
		if err := e.Live.Get(ctx, key, object); err != nil {
			if client.IgnoreNotFound(err) != nil {
				return false, fmt.Errorf("looking for %s %s: %w", name.Kind, name.Name, err)
			}
			continue
		}
		switch model.OwnershipOf(e.stack, object) {
		case model.Inherited:
			e.outcome.Predecessor = fmt.Sprintf("%s %q", name.Kind, name.Name)
			return false, nil
		case model.Owned, model.Orphaned:
			e.outcome.Again = true // the cache will show it shortly
			return false, e.label(ctx, object)
		case model.Foreign, model.Unclaimed:
		}
		e.outcome.Problem = plan.Conflict(e.stack, kinds.Of(name.Kind), object)
		e.outcome.Again = e.outcome.Problem == nil // it is to be adopted; the next plan includes it
		return false, nil
	}
	return true, nil
}

// label restores the label by which the cache selects the stack's objects, if somebody removed
// it. Further differences are repaired as drift.
func (e *execution) label(ctx context.Context, object *metav1.PartialObjectMetadata) error {
	if object.Labels[naming.LabelStack] == e.stack.Name {
		return nil
	}
	patch := fmt.Sprintf(`{"metadata":{"uid":%q,"labels":{%q:%q}}}`, object.UID, naming.LabelStack, e.stack.Name)
	err := e.Client.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(patch)),
		client.FieldOwner(naming.FieldOwner))
	if err != nil {
		return fmt.Errorf("marking %s %s: %w", object.Kind, object.Name, err)
	}
	return nil
}
