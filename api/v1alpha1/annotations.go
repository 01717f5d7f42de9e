// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package v1alpha1

// Annotations that users set on an AppStack.
const (
	// AnnotationAdopt, set to "true", takes over an existing Deployment and
	// Service of the stack's name that no other controller owns.
	AnnotationAdopt = GroupName + "/adopt"

	// AnnotationChangeCause says why the content was changed; the history shows
	// it. It is the one that kubectl rollout history knows.
	AnnotationChangeCause = "kubernetes.io/change-cause"

	// AnnotationChangeCauseOf ties that word to the content that it is about, as
	// kubectl appstack writes it: when someone else changes the content after it,
	// they are not given the words of before.
	AnnotationChangeCauseOf = GroupName + "/change-cause-of"
)
