// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// takePorts makes the operator the only field manager of a Service's ports, when it adopts the
// Service or when somebody gave a port of the stack another number. Server-side apply merges
// ports by number and protocol, so a port that others set would otherwise stay beside the
// stack's forever (R26, R28). Only managedFields is written. It returns the Service's new
// resource version, errReplaced if the name now belongs to another object, and errOutdated if
// the Service has changed since the step was planned.
func (e *execution) takePorts(ctx context.Context, object model.ObjectID) (version string, err error) {
	live := &corev1.Service{}
	key := client.ObjectKey{Namespace: e.stack.Namespace, Name: object.Name}
	if err := e.Live.Get(ctx, key, live); err != nil {
		return "", fmt.Errorf("reading Service %s: %w", object.Name, err)
	}
	if live.UID != object.UID {
		return "", errReplaced
	}
	if live.ResourceVersion != object.ResourceVersion {
		return "", errOutdated
	}
	managed, err := handOver(live.ManagedFields, fieldpath.MakePathOrDie("spec", "ports"), metav1.NewTime(e.Clock.Now()))
	if err != nil {
		return "", fmt.Errorf("reading the managed fields of Service %s: %w", object.Name, err)
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": live.ResourceVersion,
		"managedFields":   managed,
	}})
	if err != nil {
		return "", fmt.Errorf("encoding the managed fields of Service %s: %w", object.Name, err)
	}
	err = e.Client.Patch(ctx, live, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(naming.FieldOwner))
	if err != nil {
		return "", fmt.Errorf("taking over the ports of Service %s: %w", object.Name, err)
	}
	return live.ResourceVersion, nil
}

// handOver moves the ownership of the fields at and below the path from all managers to the
// operator's Apply entry.
func handOver(managed []metav1.ManagedFieldsEntry, path fieldpath.Path, now metav1.Time) ([]metav1.ManagedFieldsEntry, error) {
	taken := &fieldpath.Set{}
	var entries []metav1.ManagedFieldsEntry
	for _, entry := range managed {
		fields := &fieldpath.Set{}
		if entry.FieldsV1 != nil {
			if err := fields.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
				return nil, fmt.Errorf("of %s: %w", entry.Manager, err)
			}
		}
		below := &fieldpath.Set{}
		fields.Iterate(func(field fieldpath.Path) {
			if len(field) >= len(path) && field[:len(path)].Equals(path) {
				below.Insert(field.Copy())
			}
		})
		ours := entry.Manager == naming.FieldOwner && entry.Operation == metav1.ManagedFieldsOperationApply
		if ours || !below.Empty() {
			taken = taken.Union(below)
			fields = fields.Difference(below)
		}
		if ours {
			taken = taken.Union(fields)
			continue
		}
		if fields.Empty() {
			continue
		}
		raw, err := fields.ToJSON()
		if err != nil {
			return nil, fmt.Errorf("of %s: %w", entry.Manager, err)
		}
		entry.FieldsV1 = metav1.NewFieldsV1(string(raw))
		entries = append(entries, entry)
	}
	raw, err := taken.ToJSON()
	if err != nil {
		return nil, fmt.Errorf("of %s: %w", naming.FieldOwner, err)
	}
	return append(entries, metav1.ManagedFieldsEntry{
		Manager:    naming.FieldOwner,
		Operation:  metav1.ManagedFieldsOperationApply,
		APIVersion: corev1.SchemeGroupVersion.String(),
		Time:       &now,
		FieldsType: "FieldsV1",
		FieldsV1:   metav1.NewFieldsV1(string(raw)),
	}), nil
}
