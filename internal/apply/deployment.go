// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"context"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

func (e *execution) createDeployment(ctx context.Context, form model.Replaced, options []writeOption) (client.Object, error) {
	created := form.Deployment.DeepCopy()
	if created.Spec.Replicas == nil {
		created.Spec.Replicas = form.Initial
	}
	if err := e.Client.Create(ctx, created, with[client.CreateOption](naming.FieldOwner, options)...); err != nil {
		return nil, fmt.Errorf("creating Deployment %s: %w", created.Name, err)
	}
	return created, nil
}

// replaceDeployment patches the fields of a Deployment that the stack manages.
func (e *execution) replaceDeployment(
	ctx context.Context, object model.ObjectID, want *appsv1.Deployment, options []writeOption,
) (client.Object, error) {
	body, err := replacement(object, want)
	if err != nil {
		return nil, fmt.Errorf("encoding Deployment %s: %w", object.Name, err)
	}
	answer := &appsv1.Deployment{}
	answer.SetNamespace(e.stack.Namespace)
	answer.SetName(object.Name)
	patch := client.RawPatch(types.StrategicMergePatchType, body)
	if err := e.Client.Patch(ctx, answer, patch, with[client.PatchOption](naming.FieldOwner, options)...); err != nil {
		return nil, fmt.Errorf("updating Deployment %s: %w", object.Name, err)
	}
	return answer, nil
}

// replacement returns the strategic merge patch with the fields of a Deployment that the stack
// manages. Template and strategy are replaced as a whole (R28). Labels, annotations and owner
// references of others stay; so do the selector, which is immutable, and a replica count that
// the spec does not name. The patch contains UID and resource version: any version but the
// planned one is a conflict.
func replacement(object model.ObjectID, want *appsv1.Deployment) ([]byte, error) {
	template, err := whole(&want.Spec.Template)
	if err != nil {
		return nil, err
	}
	strategy, err := whole(&want.Spec.Strategy)
	if err != nil {
		return nil, err
	}
	spec := map[string]any{
		"template":                template,
		"strategy":                strategy,
		"minReadySeconds":         want.Spec.MinReadySeconds,
		"progressDeadlineSeconds": want.Spec.ProgressDeadlineSeconds,
		"revisionHistoryLimit":    want.Spec.RevisionHistoryLimit,
		"paused":                  want.Spec.Paused,
	}
	if want.Spec.Replicas != nil {
		spec["replicas"] = *want.Spec.Replicas
	}
	return json.Marshal(map[string]any{
		"metadata": map[string]any{
			"uid":             object.UID,
			"resourceVersion": object.ResourceVersion,
			"labels":          want.Labels,
			"annotations":     want.Annotations,
			"ownerReferences": want.OwnerReferences,
		},
		"spec": spec,
	})
}

// whole returns the value for a strategic merge patch that replaces it rather than merging it.
func whole(value any) (map[string]any, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(value)
	if err != nil {
		return nil, err
	}
	fields["$patch"] = "replace"
	return fields, nil
}
