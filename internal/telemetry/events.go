// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package telemetry tells of what the operator does.
package telemetry

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
)

// maxNote is how many bytes the events API takes for a note.
const maxNote = 1024

// Events tells users of a stack.
type Events struct {
	Recorder events.EventRecorder
}

// Took tells of a step that took effect, where that is worth an event.
func (e *Events) Took(stack *v1alpha1.AppStack, step model.Step) {
	why, id := step.About(), step.Object()
	if why.Event == "" {
		return
	}
	kind := corev1.EventTypeNormal
	if why.Event == v1alpha1.EventRolloutFailed || why.Event == v1alpha1.EventRecreated {
		kind = corev1.EventTypeWarning
	}
	// events of one reason are counted as one, but for what they relate to
	object := &corev1.ObjectReference{Kind: string(id.Kind), Namespace: stack.Namespace, Name: id.Name, UID: id.UID}
	e.Recorder.Eventf(stack, object, kind, why.Event, step.Verb(), "%s", model.Truncate(why.Reason, maxNote))
	if start, ok := step.(model.StartRollout); ok && start.Creates() {
		e.unresolved(stack, start, object)
	}
}

// unresolved tells of images that a new revision runs as they are written (R23).
func (e *Events) unresolved(stack *v1alpha1.AppStack, step model.StartRollout, object *corev1.ObjectReference) {
	for _, component := range step.Revision.Content.Components {
		if unresolved := component.Provenance.Unresolved; unresolved != nil {
			e.Recorder.Eventf(stack, object, corev1.EventTypeWarning, v1alpha1.EventImagesUnresolved, step.Verb(),
				"%s", model.Truncate(fmt.Sprintf("revision %d, component %s: an image runs as written: %s",
					step.Revision.Number, component.Name, unresolved.Message), maxNote))
			return
		}
	}
}

// Stalled tells of a problem that neither the status nor an event has told yet.
func (e *Events) Stalled(stack *v1alpha1.AppStack, mem *memory.Stack, next v1alpha1.AppStackStatus) {
	before := meta.FindStatusCondition(stack.Status.Conditions, v1alpha1.ConditionStalled)
	after := meta.FindStatusCondition(next.Conditions, v1alpha1.ConditionStalled)
	switch {
	case after == nil:
		mem.Problem = ""
	case after.Reason == v1alpha1.ReasonRolloutFailed:
		// the event of the failure said so, with more
	case before != nil && problem(before) == problem(after):
		mem.Problem = "" // the status has it, and a cache does not go back
	case mem.Problem != problem(after):
		mem.Problem = problem(after)
		e.Recorder.Eventf(stack, nil, corev1.EventTypeWarning, after.Reason, "Reconcile", "%s",
			model.Truncate(after.Message, maxNote))
	}
}

func problem(condition *metav1.Condition) string { return condition.Reason + ": " + condition.Message }
