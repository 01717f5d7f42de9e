// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package release

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

// Kinds returns the kinds of a stack's objects that Read lists, by KindOf their lists.
func Kinds() map[string]client.Object {
	return map[string]client.Object{
		RevisionKind:                     &appsv1.ControllerRevision{},
		KindOf(&appsv1.DeploymentList{}): &appsv1.Deployment{},
		KindOf(&appsv1.ReplicaSetList{}): &appsv1.ReplicaSet{},
		KindOf(&corev1.PodList{}):        &corev1.Pod{},
	}
}

// RevisionKind is the kind of ControllerRevisions, as a key of Kinds and Denied.
var RevisionKind = KindOf(&appsv1.ControllerRevisionList{})

// KindOf returns the key for the kind of a list.
func KindOf(list client.ObjectList) string { return fmt.Sprintf("%T", list) }

// Read reads a stack and its objects. If the user may not list a kind, Read goes on without it, and
// adds the error to Denied and its message, from explain, to DeniedMessages. It returns any other
// error.
func Read(ctx context.Context, reader client.Reader, key client.ObjectKey, explain func(error) string) (Release, error) {
	stack := &v1alpha1.AppStack{}
	if err := reader.Get(ctx, key, stack); err != nil {
		return Release{}, err
	}
	var (
		revisions   appsv1.ControllerRevisionList
		deployments appsv1.DeploymentList
		sets        appsv1.ReplicaSetList
		pods        corev1.PodList
	)
	var messages []string
	denied := map[string]error{}
	for _, list := range []client.ObjectList{&revisions, &deployments, &sets, &pods} {
		err := reader.List(ctx, list, client.InNamespace(key.Namespace), client.MatchingLabels{naming.LabelStack: key.Name})
		switch {
		case apierrors.IsForbidden(err):
			messages = append(messages, explain(err))
			denied[KindOf(list)] = err
		case err != nil:
			return Release{}, fmt.Errorf("listing the objects of the stack: %w", err)
		}
	}
	r := New(stack, Children{
		Revisions: revisions.Items, Deployments: deployments.Items, Sets: sets.Items, Pods: pods.Items,
	})
	r.DeniedMessages, r.Denied = messages, denied
	return r, nil
}
