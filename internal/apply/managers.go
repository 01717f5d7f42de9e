// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"context"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/plan"
)

// attributed adds to a repair the field manager whose change it reverts. That needs a live read
// before the write: the cache holds no managed fields, and after the write they name the
// operator. If the read fails, the step is carried out without the manager.
func (e *execution) attributed(ctx context.Context, step model.WriteChild) model.WriteChild {
	object := &metav1.PartialObjectMetadata{}
	gvk, err := e.Client.GroupVersionKindFor(kinds.Of(step.Kind).New())
	if err == nil {
		object.SetGroupVersionKind(gvk)
		err = e.Live.Get(ctx, client.ObjectKey{Namespace: e.stack.Namespace, Name: step.Name}, object)
	}
	if err != nil {
		log.FromContext(ctx).V(1).Info("who changed the object is not known", "kind", step.Kind, "object", step.Name, "error", err.Error())
		return step
	}
	step.Undone.Manager = managerOf(object.ManagedFields, step.Undone.Field)
	if step.Event == v1alpha1.EventDriftRepaired {
		step.Reason = plan.Repair(e.stack, step)
	}
	return step
}

// managerOf returns the manager, other than the operator, that last set the field or a field
// below it; empty if none did, for example because the field was removed.
func managerOf(managed []metav1.ManagedFieldsEntry, field string) string {
	var last metav1.ManagedFieldsEntry
	for _, entry := range managed {
		if entry.Manager == naming.FieldOwner || entry.Subresource == "status" || !sets(entry, generic(field)) {
			continue
		}
		if last.Manager == "" || last.Time.Before(entry.Time) {
			last = entry
		}
	}
	return last.Manager
}

// sets reports whether the entry owns the field, a field below it, or an atomic value that
// contains it.
func sets(entry metav1.ManagedFieldsEntry, field string) (found bool) {
	fields := &fieldpath.Set{}
	if entry.FieldsV1 == nil || fields.FromJSON(entry.FieldsV1.GetRawReader()) != nil {
		return false
	}
	fields.Leaves().Iterate(func(path fieldpath.Path) {
		set := dotted(path)
		found = found || within(set, field) || within(field, set)
	})
	return found
}

// within reports whether a path equals the other one or is below it.
func within(path, other string) bool {
	rest, ok := strings.CutPrefix(path, other)
	return ok && (rest == "" || rest[0] == '.')
}

// dotted returns a path joined by dots, without list items: managed fields identify items by
// keys, drift paths by names or positions.
func dotted(path fieldpath.Path) string {
	var names []string
	for _, element := range path {
		if element.FieldName != nil {
			names = append(names, *element.FieldName)
		}
	}
	return strings.Join(names, ".")
}

// generic returns the path of a field without list items.
func generic(field string) string {
	var out strings.Builder
	for part := range strings.SplitSeq(field, "[") {
		if _, rest, item := strings.Cut(part, "]"); item {
			part = rest
		}
		out.WriteString(part)
	}
	return out.String()
}
