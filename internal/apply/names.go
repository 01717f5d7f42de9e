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

// namesAreFree looks live at every name that is about to be written for the
// first time, before anything is written (R26). The cache does not show objects
// without the stack's labels. Names of Deployments that were free a moment ago, when
// the move was tried that the steps follow, are not looked at. A move itself is
// tried before: the API server's answer says whether a name is free.
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
			p.outcome.Again = true // the cache is about to show it
			return false, p.label(ctx, object)
		case model.Foreign, model.Unclaimed:
		}
		p.outcome.Problem = plan.Conflict(p.stack, kinds.Of(name.Kind), object)
		p.outcome.Again = p.outcome.Problem == nil // it is to be adopted, and the next plan knows of it
		return false, nil
	}
	return true, nil
}

// label puts back the label by which the cache finds an object of the stack,
// if someone took it away. The rest is drift like any other.
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
