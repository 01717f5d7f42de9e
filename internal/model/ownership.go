// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

// Ownership is the relation of an object to a stack.
type Ownership int

// The relations of an object to a stack.
const (
	// Foreign objects belong to another controller and are never changed.
	Foreign Ownership = iota
	// Owned objects have the stack as their controller.
	Owned
	// Orphaned objects belonged to the stack: they have its labels, and no controller.
	Orphaned
	// Inherited objects belong to a deleted stack of the same name, and are about to be
	// deleted.
	Inherited
	// Unclaimed objects have neither labels of the stack nor a controller. They can be adopted.
	Unclaimed
)

// OwnershipOf returns the relation of a child or revision to the stack.
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
	// a copy by somebody else has the labels, but another name
	component, child := object.GetLabels()[naming.LabelComponent]
	if child && object.GetName() != naming.Object(stack.Name, component) {
		return Unclaimed
	}
	return Orphaned
}

// Adopts reports whether the stack adopts unclaimed objects that have its children's names
// (R26).
func Adopts(stack *v1alpha1.AppStack) bool {
	return stack.Annotations[v1alpha1.AnnotationAdopt] == "true"
}
