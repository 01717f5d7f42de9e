// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

// Ownership says whose an object is, as seen by a stack.
type Ownership int

// Whose an object is.
const (
	// Foreign objects are never touched.
	Foreign Ownership = iota
	// Owned objects have the stack as their controller.
	Owned
	// Orphaned objects were the stack's: they carry its labels, and no controller owns them.
	Orphaned
	// Inherited objects belong to a deleted stack of the same name, and are about to go.
	Inherited
	// Unclaimed objects carry no label of the stack and have no controller: they can be adopted.
	Unclaimed
)

// OwnershipOf says whose a child or a revision is, as seen by the stack.
func OwnershipOf(stack *v1alpha1.AppStack, object metav1.Object) Ownership {
	controller := metav1.GetControllerOfNoCopy(object)
	switch {
	case controller != nil && controller.UID == stack.UID:
		return Owned
	case controller != nil && controller.Kind == "AppStack" && controller.Name == stack.Name &&
		controller.APIVersion == v1alpha1.GroupVersion.String():
		return Inherited
	case controller != nil:
		return Foreign
	case object.GetLabels()[naming.LabelStack] != stack.Name:
		return Unclaimed
	}
	// a copy that someone made keeps the labels, but not the name
	component, child := object.GetLabels()[naming.LabelComponent]
	if child && object.GetName() != naming.Object(stack.Name, component) {
		return Unclaimed
	}
	return Orphaned
}

// Adopts says whether the stack takes over unclaimed objects of its names (R26).
func Adopts(stack *v1alpha1.AppStack) bool {
	return stack.Annotations[v1alpha1.AnnotationAdopt] == "true"
}
