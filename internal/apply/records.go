// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/revision"
)

// atOnce is the maximum number of concurrent dry runs of one rollout start.
const atOnce = 8

// errTaken is returned if an object already exists under a name that was to be created.
var errTaken = errors.New("there is an object of that name already")

// try makes the dry runs of a rollout start. If the API server rejects one, the rollout does
// not start (R4); nor does it if a write would be merged into an object that somebody else has
// created (R26). It returns the revision with its pod templates as the API server would store
// them, so that they can be compared with live ones.
func (e *execution) try(ctx context.Context, step model.StartRollout) (model.Revision, error) {
	answers, err := e.tryAll(ctx, step.DryRuns)
	if err != nil {
		return model.Revision{}, err
	}
	rev := step.Revision
	rev.Content.Components = slices.Clone(rev.Content.Components)
	for i, trial := range step.DryRuns {
		answer := answers[i]
		if trial.Creates() && answer.GetResourceVersion() != "" {
			return model.Revision{}, fmt.Errorf("%s %s: %w", trial.Kind, trial.Name, errTaken)
		}
		deployment, ok := answer.(*appsv1.Deployment)
		if !ok {
			continue
		}
		for j, component := range rev.Content.Components {
			if naming.Object(e.stack.Name, component.Name) == deployment.Name {
				rev.Content.Components[j] = admitted(component, deployment.Spec.Template)
			}
		}
	}
	return rev, nil
}

// admitted returns the component with its template as the API server would store it. If
// admission control has replaced the image, the requested one is kept in the provenance.
func admitted(component model.Component, template corev1.PodTemplateSpec) model.Component {
	asked := component.App().Image
	component.Template = template
	if component.App().Image != asked {
		component.Provenance.Asked = asked
	}
	return component
}

// tryAll makes the dry runs of the writes concurrently, up to atOnce: a slow webhook may delay
// each of them. It returns the error of the first failed write in the order of the writes, not
// of their completion.
func (e *execution) tryAll(ctx context.Context, trials []model.WriteChild) ([]client.Object, error) {
	answers, refusals := make([]client.Object, len(trials)), make([]error, len(trials))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, trial := range trials {
		group.Go(func() error {
			answers[i], refusals[i] = e.write(ctx, trial, client.DryRunAll)
			return nil
		})
	}
	_ = group.Wait() // the results are in refusals
	return answers, cmp.Or(refusals...)
}

// createRevision creates a revision and returns it as stored.
func (e *execution) createRevision(ctx context.Context, rev model.Revision) (model.Revision, error) {
	stored, err := revision.Encode(e.stack, rev)
	if err != nil {
		return model.Revision{}, err
	}
	if err := e.Client.Create(ctx, stored, client.FieldOwner(naming.FieldOwner)); err != nil {
		return model.Revision{}, fmt.Errorf("creating ControllerRevision %s: %w", stored.Name, err)
	}
	e.memory.Records.Wrote(stored.Name, "", e.Clock.Now())
	return revision.Decode(stored)
}

// updateRevision updates the record of a revision, adopts the revision if it is an orphan, and
// returns it as stored. The content is immutable, so the patch has metadata only.
func (e *execution) updateRevision(ctx context.Context, rev model.Revision) (model.Revision, error) {
	encoded, err := revision.Encode(e.stack, rev)
	if err != nil {
		return model.Revision{}, err
	}
	metadata := map[string]any{
		"uid":             encoded.UID,
		"resourceVersion": encoded.ResourceVersion,
		"annotations":     encoded.Annotations,
	}
	if rev.Orphan {
		metadata["ownerReferences"] = encoded.OwnerReferences
	}
	patch, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return model.Revision{}, fmt.Errorf("encoding the record of revision %d: %w", rev.Number, err)
	}
	target := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: e.stack.Namespace, Name: rev.Name}}
	err = e.Client.Patch(ctx, target, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(naming.FieldOwner))
	if err != nil {
		return model.Revision{}, fmt.Errorf("updating ControllerRevision %s: %w", rev.Name, err)
	}
	if target.ResourceVersion == encoded.ResourceVersion {
		e.silent = true
	} else {
		e.memory.Records.Wrote(rev.Name, encoded.ResourceVersion, e.Clock.Now())
	}
	return revision.Decode(target)
}
