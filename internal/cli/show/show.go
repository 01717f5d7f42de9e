// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package show renders stacks as text, tables and trees. It is pure: the callers pass the objects
// that they have read, the time, and the properties of the terminal.
package show

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/terminal"
)

// View holds what the rendering depends on, besides the objects: the terminal, the time and the
// user's options.
type View struct {
	terminal.Look
	Now time.Time
	// Wide adds the details that are otherwise omitted for lack of space.
	Wide bool
	// Scope is appended to suggested commands, so that they find the same stack: " -n shop".
	Scope string
}

// none is shown instead of an empty value.
const none = "-"

// age returns the time since a timestamp in the format of kubectl.
func (v View) age(since metav1.Time) string {
	if since.IsZero() {
		return none
	}
	return duration.HumanDuration(v.Now.Sub(since.Time))
}

// digestDigits is how many digits of a digest are shown, which is enough to distinguish digests.
const digestDigits = 12

// ShortImage returns the image with its digest shortened.
func ShortImage(image string) string {
	image = terminal.Clean(image) // users may write anything into the spec
	name, digest, pinned := strings.Cut(image, "@")
	algorithm, digits, ok := strings.Cut(digest, ":")
	if !pinned || !ok || len(digits) <= digestDigits {
		return image
	}
	return name + "@" + algorithm + ":" + digits[:digestDigits]
}

// image returns the image, with its digest shortened unless the view is wide.
func (v View) image(image string) string {
	if v.Wide {
		return terminal.Clean(image)
	}
	return ShortImage(image)
}

// Ready returns the stack's condition Ready. Its status is Unknown if the operator has not set the
// condition yet.
func Ready(stack *v1alpha1.AppStack) metav1.Condition {
	if ready := meta.FindStatusCondition(stack.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		return *ready
	}
	return metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionUnknown, Reason: "Pending",
		Message: "the operator has not reconciled the stack yet: check that it runs and watches this namespace",
	}
}

// Stalled returns the stack's condition Stalled, or nil if it is not true.
func Stalled(stack *v1alpha1.AppStack) *metav1.Condition {
	if meta.IsStatusConditionTrue(stack.Status.Conditions, v1alpha1.ConditionStalled) {
		return meta.FindStatusCondition(stack.Status.Conditions, v1alpha1.ConditionStalled)
	}
	return nil
}

// Current reports whether the status refers to the current spec.
func Current(stack *v1alpha1.AppStack) bool {
	return stack.Status.ObservedGeneration >= stack.Generation
}

// tone returns the tone of the stack's state: good, busy or bad.
func tone(stack *v1alpha1.AppStack) terminal.Tone {
	switch ready := Ready(stack); {
	case !Current(stack):
		return terminal.Busy
	case Stalled(stack) != nil, ready.Reason == v1alpha1.ReasonUnavailable:
		return terminal.Bad
	case ready.Status == metav1.ConditionTrue:
		return terminal.Good
	default:
		return terminal.Busy
	}
}

// state returns the stack's state as one word, with its mark.
func (v View) state(stack *v1alpha1.AppStack) string {
	word := Ready(stack).Reason
	switch {
	case !Current(stack):
		word = v1alpha1.ReasonProgressing
	case word == v1alpha1.ReasonSucceeded:
		word = v1alpha1.ConditionReady
	}
	return v.Mark(tone(stack)) + " " + v.Paint(tone(stack), word)
}

// message says why the stack is in its state.
func message(stack *v1alpha1.AppStack) string {
	message := oneLine(Ready(stack).Message)
	if isOutdated(stack) {
		return notReconciled + "; before that: " + message
	}
	return message
}

// notReconciled is the message for a status that refers to an earlier spec.
const notReconciled = "the operator has not reconciled the newest change of the spec yet"

// isOutdated reports whether the status refers to an earlier spec.
func isOutdated(stack *v1alpha1.AppStack) bool {
	return !Current(stack) && len(stack.Status.Conditions) > 0
}

// Line returns the stack's state as one line, for a log of its progress. stack is nil if it could
// not be read.
func (v View) Line(stack *v1alpha1.AppStack, name string) string {
	if stack == nil {
		return name + ": the API server did not answer"
	}
	words := message(stack)
	if isOutdated(stack) {
		words = notReconciled
	}
	line := name + ": " + v.state(stack) + ": " + words
	if stack.Status.ReadySummary != "" {
		line += " (" + stack.Status.ReadySummary + " ready)"
	}
	return line
}
