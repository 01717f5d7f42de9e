// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision

import (
	"strings"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// CauseMark returns the value of the annotation change-cause-of, which ties a change cause to the
// spec's content.
func CauseMark(spec v1alpha1.AppStackSpec, cause string) string {
	return SourceHash(spec) + "." + model.Hash(cause)
}

// Cause returns the annotation change-cause, or "" if the annotation change-cause-of ties that text
// to other content than the stack's.
func Cause(stack *v1alpha1.AppStack) string {
	cause, mark := stack.Annotations[v1alpha1.AnnotationChangeCause], stack.Annotations[v1alpha1.AnnotationChangeCauseOf]
	if _, of, tied := strings.Cut(mark, "."); tied && of == model.Hash(cause) && mark != CauseMark(stack.Spec, cause) {
		return ""
	}
	return cause
}

// CauseOfReturn returns the change cause for reverting the spec to content that already has a
// revision. It is "" unless the annotation change-cause-of ties the text to that content: an untied
// text may be left over from any earlier change.
func CauseOfReturn(stack *v1alpha1.AppStack) string {
	cause := stack.Annotations[v1alpha1.AnnotationChangeCause]
	if stack.Annotations[v1alpha1.AnnotationChangeCauseOf] != CauseMark(stack.Spec, cause) {
		return ""
	}
	return cause
}
