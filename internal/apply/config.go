// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/plan"
)

// createCopy creates the copy of a ConfigMap. An existing object of the name is used if it is the
// stack's and has the same content (R31); otherwise it is a conflict, which is in the outcome.
func (e *execution) createCopy(ctx context.Context, step model.CopyConfig) error {
	wanted := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       e.stack.Namespace,
			Name:            step.Copy.Name,
			Labels:          naming.Recommended(e.stack.Name),
			Annotations:     map[string]string{naming.AnnotationConfigSource: step.Copy.Source},
			OwnerReferences: []metav1.OwnerReference{naming.Owner(e.stack)},
		},
		Immutable:  ptr.To(true),
		Data:       step.Content.Data,
		BinaryData: step.Content.BinaryData,
	}
	err := e.Client.Create(ctx, wanted, client.FieldOwner(naming.FieldOwner))
	switch {
	case err == nil:
		e.memory.Names.Made(step.Target(), e.Clock.Now())
		return nil
	case !apierrors.IsAlreadyExists(err):
		return fmt.Errorf("creating ConfigMap %s: %w", wanted.Name, err)
	}
	found := &corev1.ConfigMap{}
	if err := e.Live.Get(ctx, client.ObjectKeyFromObject(wanted), found); err != nil {
		return fmt.Errorf("reading ConfigMap %s: %w", wanted.Name, err)
	}
	switch ownership := model.OwnershipOf(e.stack, found); {
	case ownership == model.Inherited:
		e.outcome.Predecessor = fmt.Sprintf("%s %q", model.KindConfigMap, found.Name)
	case ownership != model.Owned && ownership != model.Orphaned:
		e.outcome.Problem = plan.Conflict(e.stack, kinds.Copies, found)
	case found.DeletionTimestamp != nil:
		return fmt.Errorf("ConfigMap %s is being deleted: %w", found.Name, errOutdated)
	case !ptr.Deref(found.Immutable, false) || !equality.Semantic.DeepEqual(found.Data, wanted.Data) ||
		!equality.Semantic.DeepEqual(found.BinaryData, wanted.BinaryData):
		e.outcome.Problem = notACopy(found.Name, step.Copy.From())
	}
	return nil
}

// hasCopies reports whether the copies exist that the rollout start does not create: the cache may
// not show yet that one was deleted. It returns a problem if one of them has other content, as somebody
// may have replaced it.
func (e *execution) hasCopies(ctx context.Context, start model.StartRollout) (bool, *model.Problem, error) {
	for _, copied := range start.Revision.Content.Config {
		if copied.Hash == model.AbsentHash ||
			slices.ContainsFunc(start.Copies, func(step model.CopyConfig) bool { return step.Copy.Name == copied.Name }) {
			continue
		}
		found := &corev1.ConfigMap{}
		if err := e.Live.Get(ctx, client.ObjectKey{Namespace: e.stack.Namespace, Name: copied.Name}, found); err != nil {
			if apierrors.IsNotFound(err) {
				return false, nil, nil
			}
			return false, nil, fmt.Errorf("reading ConfigMap %s: %w", copied.Name, err)
		}
		if !isCopy(found, copied.Hash) {
			return false, notACopy(copied.Name, copied.From()), nil
		}
	}
	return true, nil, nil
}

// isCopy reports whether the ConfigMap is immutable and has the content with the hash.
func isCopy(found *corev1.ConfigMap, hash string) bool {
	content := &model.ConfigMap{Data: found.Data, BinaryData: found.BinaryData}
	return ptr.Deref(found.Immutable, false) && content.Hash() == hash
}

// notACopy is the problem of a ConfigMap that has the name of a copy.
func notACopy(name, of string) *model.Problem {
	return &model.Problem{
		Reason:  v1alpha1.ReasonNameConflict,
		Message: fmt.Sprintf("ConfigMap %q exists and is no immutable copy of %s: delete it", name, of),
	}
}

// createCopies creates the copies that a rollout start needs. It reports whether the rollout may
// start.
func (e *execution) createCopies(ctx context.Context, start model.StartRollout) (bool, error) {
	for _, step := range start.Copies {
		if err := e.createCopy(ctx, step); err != nil {
			return false, e.sort(start, err)
		}
		if e.outcome.Problem != nil {
			e.remember(start, model.Rejection{Message: e.outcome.Problem.Message, Problem: *e.outcome.Problem})
		}
		if e.outcome.Problem != nil || e.outcome.Predecessor != "" {
			return false, nil
		}
	}
	return true, nil
}

// adoptCopy makes the stack the controller of an orphaned copy. Another object of its name is a
// conflict, which is in the outcome (R31).
func (e *execution) adoptCopy(ctx context.Context, step model.AdoptCopy) error {
	found := &corev1.ConfigMap{}
	if err := e.Live.Get(ctx, client.ObjectKey{Namespace: e.stack.Namespace, Name: step.Name}, found); err != nil {
		return fmt.Errorf("reading ConfigMap %s: %w", step.Name, err)
	}
	if !isCopy(found, step.ContentHash) {
		e.outcome.Problem = &model.Problem{
			Reason:  v1alpha1.ReasonNameConflict,
			Message: fmt.Sprintf("ConfigMap %q has the name of a copy and is no immutable copy: delete it", found.Name),
		}
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": step.UID, "resourceVersion": step.ResourceVersion, "ownerReferences": []metav1.OwnerReference{naming.Owner(e.stack)},
	}})
	if err != nil {
		return fmt.Errorf("encoding the owner of ConfigMap %s: %w", step.Name, err)
	}
	target := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: e.stack.Namespace, Name: step.Name}}
	err = e.Client.Patch(ctx, target, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(naming.FieldOwner))
	if err != nil {
		return fmt.Errorf("adopting ConfigMap %s: %w", step.Name, err)
	}
	return nil
}
