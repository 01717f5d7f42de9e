// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"cmp"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
)

// recheck is the interval at which a name conflict is checked again. The cache leaves out
// objects of others, so no event follows when such an object goes.
const recheck = 30 * time.Second

// conflicts returns a problem for the first live object that the stack may not write, nil if
// there is none (R26), and the children that it may write.
func conflicts(stack *v1alpha1.AppStack, children []*kinds.Child) (first *model.Problem, free []*kinds.Child) {
	for _, child := range children {
		switch problem := conflictOf(stack, child); {
		case problem == nil:
			free = append(free, child)
		case first == nil:
			first = problem
		}
	}
	return first, free
}

func conflictOf(stack *v1alpha1.AppStack, child *kinds.Child) *model.Problem {
	if child.Live == nil {
		return nil
	}
	return cmp.Or(Conflict(stack, child.Kind, child.Live), child.Conflict())
}

// Conflict returns the problem that keeps the stack from writing the object, or nil if the
// stack may write it.
func Conflict(stack *v1alpha1.AppStack, kind *kinds.Kind, object metav1.Object) *model.Problem {
	remedy := "delete it, or rename the stack"
	switch model.OwnershipOf(stack, object) {
	case model.Owned, model.Orphaned, model.Inherited:
		return nil
	case model.Unclaimed:
		if !kind.Adoptable {
			break
		}
		if model.Adopts(stack) {
			return nil
		}
		remedy = fmt.Sprintf("delete it, rename the stack, or set the annotation %s=true on the stack to adopt it",
			v1alpha1.AnnotationAdopt)
		if kind.Without != "" {
			remedy += "; or " + kind.Without
		}
	case model.Foreign:
	}
	holder := "is not owned by this stack"
	if controller := metav1.GetControllerOfNoCopy(object); controller != nil {
		holder = fmt.Sprintf("belongs to %s %q", controller.Kind, controller.Name)
	}
	return &model.Problem{
		Reason:  v1alpha1.ReasonNameConflict,
		Message: fmt.Sprintf("%s %q exists and %s: %s", kind.Name, object.GetName(), holder, remedy),
	}
}

// removals returns the deletions of children that no component needs any more.
func removals(state model.State, children []*kinds.Child) []model.Delete {
	needed := map[model.Target]bool{}
	for _, child := range children {
		needed[child.Write.Target()] = true
	}
	var steps []model.Delete
	for kind, object := range kinds.Each(state.Children) {
		id := model.ObjectID{
			Kind: kind.Name, Name: object.GetName(), UID: object.GetUID(), ResourceVersion: object.GetResourceVersion(),
		}
		ownership := model.OwnershipOf(state.Stack, object)
		if needed[id.Target()] || ownership != model.Owned && ownership != model.Orphaned || object.GetDeletionTimestamp() != nil {
			continue
		}
		steps = append(steps, model.Delete{ObjectID: id, Why: model.Why{
			Reason: fmt.Sprintf("%s %s is no longer needed", id.Kind, id.Name), Event: v1alpha1.EventRemoved,
		}})
	}
	return steps
}
