// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package show puts stacks into words and pictures for people. It is given what
// was read, the time and the look of the terminal, and does nothing but write text.
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

// View is how something is shown: how it looks, and when.
type View struct {
	terminal.Look
	Now time.Time
	// Wide shows what there is else no room for.
	Wide bool
	// Scope is what a command needs to find the same stack, such as " -n shop".
	Scope string
}

// none is shown where there is nothing.
const none = "-"

// age is the time since then, as kubectl shows it.
func (v View) age(since metav1.Time) string {
	if since.IsZero() {
		return none
	}
	return duration.HumanDuration(v.Now.Sub(since.Time))
}

// digestDigits are as many of a digest as tell it from others.
const digestDigits = 12

// ShortImage is the image with a few digits of its digest.
func ShortImage(image string) string {
	image = terminal.Clean(image) // as it is in the spec
	name, digest, pinned := strings.Cut(image, "@")
	algorithm, digits, ok := strings.Cut(digest, ":")
	if !pinned || !ok || len(digits) <= digestDigits {
		return image
	}
	return name + "@" + algorithm + ":" + digits[:digestDigits]
}

// image is the image as the view has room for it.
func (v View) image(image string) string {
	if v.Wide {
		return terminal.Clean(image)
	}
	return ShortImage(image)
}

// Ready is the stack's condition of that type; Unknown, where the operator has
// not spoken yet.
func Ready(stack *v1alpha1.AppStack) metav1.Condition {
	if ready := meta.FindStatusCondition(stack.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		return *ready
	}
	return metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionUnknown, Reason: "Pending",
		Message: "the operator has not seen the stack yet: does it run, and does it watch this namespace?",
	}
}

// Stalled is the stack's condition of that type, or nil.
func Stalled(stack *v1alpha1.AppStack) *metav1.Condition {
	if meta.IsStatusConditionTrue(stack.Status.Conditions, v1alpha1.ConditionStalled) {
		return meta.FindStatusCondition(stack.Status.Conditions, v1alpha1.ConditionStalled)
	}
	return nil
}

// Current says whether the status speaks of the spec as it is now.
func Current(stack *v1alpha1.AppStack) bool {
	return stack.Status.ObservedGeneration >= stack.Generation
}

// tone is that of a stack's state.
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

// state is a stack's state in one word, with its mark.
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
	if isBehind(stack) {
		return unseen + "; before it: " + message
	}
	return message
}

// unseen says that the status is behind the spec.
const unseen = "the operator has not seen the newest change of the spec yet"

// isBehind says whether the status speaks of an earlier spec.
func isBehind(stack *v1alpha1.AppStack) bool {
	return !Current(stack) && len(stack.Status.Conditions) > 0
}

// Line is a stack's state in one line, for a log of how it goes; nil is one that was not seen.
func (v View) Line(stack *v1alpha1.AppStack, name string) string {
	if stack == nil {
		return name + ": the API server did not answer"
	}
	words := message(stack)
	if isBehind(stack) {
		words = unseen
	}
	line := name + ": " + v.state(stack) + ": " + words
	if stack.Status.ReadySummary != "" {
		line += " (" + stack.Status.ReadySummary + " ready)"
	}
	return line
}
