// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package v1alpha1 is the API of AppStack: one resource that bundles a
// container image with how to run it, and is reconciled into Deployments and
// Services with a history to roll back to.
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +groupName=apps.appstack.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of AppStack.
const GroupName = "apps.appstack.dev"

var (
	// GroupVersion is the group and version of the types in this package.
	GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1alpha1"}

	// SchemeGroupVersion is the name that generated clients know GroupVersion by.
	SchemeGroupVersion = GroupVersion

	// SchemeBuilder collects the functions that add this package's types to a scheme.
	SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme adds this package's types to a scheme.
	AddToScheme = SchemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &AppStack{}, &AppStackList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
