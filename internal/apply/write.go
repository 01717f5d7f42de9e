// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// writeOption is an option that every kind of write accepts.
type writeOption interface {
	client.CreateOption
	client.UpdateOption
	client.PatchOption
}

// write writes a child, or makes a dry run if the options say so.
func (e *execution) write(ctx context.Context, step model.WriteChild, options ...writeOption) (client.Object, error) {
	switch form := step.Form.(type) {
	case model.Replaced:
		if step.Creates() {
			return e.createDeployment(ctx, form, options)
		}
		return e.replaceDeployment(ctx, step.ObjectID, form.Deployment, options)
	case model.Applied:
		return e.applyConfig(ctx, step.ObjectID, form, options)
	default:
		panic(fmt.Sprintf("a %T is no form", form)) // there are no others
	}
}

// applyConfig writes a child by server-side apply. The first write of a child does not force
// ownership, so that an object which somebody else created under the name meanwhile is left
// alone. It is sent as a patch, so that the answer is decoded into a new object; Apply would
// decode it into the configuration, and keep fields there that the API server dropped.
func (e *execution) applyConfig(
	ctx context.Context, object model.ObjectID, form model.Applied, options []writeOption,
) (client.Object, error) {
	all := with[client.PatchOption](naming.FieldOwner, options)
	dryRun := len(options) > 0
	version := object.ResourceVersion
	if form.TakesPorts && !dryRun {
		var err error
		if version, err = e.takePorts(ctx, object); err != nil {
			return nil, err
		}
	}
	if !object.Creates() {
		all = append(all, client.ForceOwnership)
	}
	body, err := encode(form.Config, version)
	if err != nil {
		return nil, fmt.Errorf("encoding %s %s: %w", object.Kind, object.Name, err)
	}
	answer := kinds.Of(object.Kind).New()
	answer.SetNamespace(e.stack.Namespace)
	answer.SetName(object.Name)
	patch := client.RawPatch(types.ApplyYAMLPatchType, body)
	if form.TakesPorts && dryRun {
		// a dry run does not take ownership of the ports, so a merge patch replaces them, with the same result
		patch, all = client.RawPatch(types.MergePatchType, body), with[client.PatchOption](naming.FieldOwner, options)
	}
	if err := e.Client.Patch(ctx, answer, patch, all...); err != nil {
		return nil, fmt.Errorf("applying %s %s: %w", object.Kind, object.Name, err)
	}
	return answer, nil
}

// encode returns the JSON form of an apply configuration with the resource version as
// precondition. The version is empty for a new object.
func encode(config runtime.ApplyConfiguration, version string) ([]byte, error) {
	raw, err := runtime.DefaultUnstructuredConverter.ToUnstructured(config)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{Object: raw}
	object.SetResourceVersion(version)
	return json.Marshal(object.Object)
}

// with converts the options to those of one kind of write, with the field owner first.
func with[T any](owner client.FieldOwner, options []writeOption) []T {
	all := []T{any(owner).(T)} //nolint:forcetypeassert // a field owner is an option of every way to write
	for _, option := range options {
		all = append(all, option.(T)) //nolint:forcetypeassert // and so is a writeOption
	}
	return all
}
