// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// recheck is the time until a name that is taken is checked again: no event comes of
// an object that the cache leaves out.
const recheck = 30 * time.Second

// conflict is a live object that the stack may not write, or nil (R26). The
// children that it may write are free.
func conflict(stack *v1alpha1.AppStack, children []child) (first *model.Problem, free []child) {
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

func conflictOf(stack *v1alpha1.AppStack, child child) *model.Problem {
	if child.live == nil {
		return nil
	}
	if problem := Conflict(stack, child.step.Kind, child.live); problem != nil {
		return problem
	}
	if deployment, ok := child.live.(*appsv1.Deployment); ok && len(deployment.Spec.Selector.MatchExpressions) > 0 {
		return &model.Problem{
			Reason: v1alpha1.ReasonNameConflict,
			Message: fmt.Sprintf("Deployment %q selects its pods by matchExpressions, which cannot be taken over: "+
				"delete it with --cascade=orphan, or rename the stack", deployment.Name),
		}
	}
	return nil
}

// Conflict is why the stack may not write the object, or nil where it may.
func Conflict(stack *v1alpha1.AppStack, kind model.Kind, object metav1.Object) *model.Problem {
	remedy := "delete it, or rename the stack"
	switch model.OwnershipOf(stack, object) {
	case model.Owned, model.Orphaned, model.Inherited:
		return nil
	case model.Unclaimed:
		if !kind.Adoptable() {
			break
		}
		if model.Adopts(stack) {
			return nil
		}
		remedy = fmt.Sprintf("delete it, rename the stack, or set the annotation %s=true on the stack to take it over",
			v1alpha1.AnnotationAdopt)
		if kind == model.KindService {
			remedy += "; or set ports to [] to have no Service"
		}
	case model.Foreign:
	}
	holder := "does not belong to this stack"
	if controller := metav1.GetControllerOfNoCopy(object); controller != nil {
		holder = fmt.Sprintf("belongs to %s %q", controller.Kind, controller.Name)
	}
	return &model.Problem{
		Reason:  v1alpha1.ReasonNameConflict,
		Message: fmt.Sprintf("%s %q is there and %s: %s", kind, object.GetName(), holder, remedy),
	}
}

// removals delete the children that no component needs any more.
func removals(state model.State, children []child) []model.Step {
	type key struct {
		kind model.Kind
		name string
	}
	needed := map[key]bool{}
	for _, child := range children {
		needed[key{child.step.Kind, child.step.Name}] = true
	}
	var steps []model.Step
	for _, child := range state.Children() {
		name := child.Object.GetName()
		ownership := model.OwnershipOf(state.Stack, child.Object)
		if needed[key{child.Kind, name}] || ownership != model.Owned && ownership != model.Orphaned ||
			child.Object.GetDeletionTimestamp() != nil {
			continue
		}
		steps = append(steps, model.Step{
			Verb:            model.VerbDelete,
			Kind:            child.Kind,
			Name:            name,
			UID:             child.Object.GetUID(),
			ResourceVersion: child.Object.GetResourceVersion(),
			Hash:            string(child.Object.GetUID()),
			Reason:          fmt.Sprintf("%s %s is not needed any more", child.Kind, name),
			Event:           v1alpha1.EventRemoved,
		})
	}
	return steps
}
