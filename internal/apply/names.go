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
func (p *pass) namesAreFree(ctx context.Context, names []model.ObjectID) (bool, error) {
	for _, name := range names {
		if p.memory.Names.IsFree(name.Target(), p.Clock.Now()) {
			continue
		}
		object := &metav1.PartialObjectMetadata{}
		gvk, err := p.Client.GroupVersionKindFor(kinds.Of(name.Kind).New())
		if err != nil {
			return false, fmt.Errorf("looking for %s %s: %w", name.Kind, name.Name, err)
		}
		object.SetGroupVersionKind(gvk)
		key := client.ObjectKey{Namespace: p.stack.Namespace, Name: name.Name}
		if err := p.Live.Get(ctx, key, object); err != nil {
			if client.IgnoreNotFound(err) != nil {
				return false, fmt.Errorf("looking for %s %s: %w", name.Kind, name.Name, err)
			}
			continue
		}
		switch model.OwnershipOf(p.stack, object) {
		case model.Inherited:
			p.outcome.Predecessor = fmt.Sprintf("%s %q", name.Kind, name.Name)
			return false, nil
		case model.Owned, model.Orphaned:
			p.outcome.Again = true // the cache will show it shortly
			return false, p.label(ctx, object)
		case model.Foreign, model.Unclaimed:
		}
		p.outcome.Problem = plan.Conflict(p.stack, kinds.Of(name.Kind), object)
		p.outcome.Again = p.outcome.Problem == nil // it is to be adopted; the next plan includes it
		return false, nil
	}
	return true, nil
}

// label restores the label by which the cache selects the stack's objects, if somebody removed
// it. Further differences are repaired as drift.
func (p *pass) label(ctx context.Context, object *metav1.PartialObjectMetadata) error {
	if object.Labels[naming.LabelStack] == p.stack.Name {
		return nil
	}
	patch := fmt.Sprintf(`{"metadata":{"uid":%q,"labels":{%q:%q}}}`, object.UID, naming.LabelStack, p.stack.Name)
	err := p.Client.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(patch)),
		client.FieldOwner(naming.FieldOwner))
	if err != nil {
		return fmt.Errorf("marking %s %s: %w", object.Kind, object.Name, err)
	}
	return nil
}
