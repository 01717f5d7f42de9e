// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision

import (
	"strings"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// CauseMark ties a change cause to the spec's content: it is the value of the
// annotation change-cause-of.
func CauseMark(spec v1alpha1.AppStackSpec, cause string) string {
	return SourceHash(spec) + "." + model.Hash(cause)
}

// Cause is the user's word on the stack's content: what the annotation
// change-cause says, unless these very words are tied to other content.
func Cause(stack *v1alpha1.AppStack) string {
	cause, mark := stack.Annotations[v1alpha1.AnnotationChangeCause], stack.Annotations[v1alpha1.AnnotationChangeCauseOf]
	if _, of, tied := strings.Cut(mark, "."); tied && of == model.Hash(cause) && mark != CauseMark(stack.Spec, cause) {
		return ""
	}
	return cause
}

// CauseOfReturn is the user's word on why the spec went back to content that has
// a revision already; empty where the annotation is not tied to that content,
// and so may be of any time.
func CauseOfReturn(stack *v1alpha1.AppStack) string {
	cause := stack.Annotations[v1alpha1.AnnotationChangeCause]
	if stack.Annotations[v1alpha1.AnnotationChangeCauseOf] != CauseMark(stack.Spec, cause) {
		return ""
	}
	return cause
}
