// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package telemetry emits events and metrics about the operator's actions.
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

// maxNote limits the note of an event, in bytes, as the events API does.
const maxNote = 1024

// Events emits events on stacks.
type Events struct {
	Recorder events.EventRecorder
}

// Took emits the event of a step that was applied, if the step has one.
func (e *Events) Took(stack *v1alpha1.AppStack, step model.Step) {
	why, id := step.About(), step.Object()
	if why.Event == "" {
		return
	}
	kind := corev1.EventTypeNormal
	if why.Event == v1alpha1.EventRolloutFailed || why.Event == v1alpha1.EventRecreated {
		kind = corev1.EventTypeWarning
	}
	// the related object keeps events with the same reason in separate series
	object := &corev1.ObjectReference{Kind: string(id.Kind), Namespace: stack.Namespace, Name: id.Name, UID: id.UID}
	e.Recorder.Eventf(stack, object, kind, why.Event, step.Verb(), "%s", model.Truncate(why.Reason, maxNote))
	if start, ok := step.(model.StartRollout); ok && start.Creates() {
		e.unresolved(stack, start, object)
	}
}

// unresolved emits a warning if a new revision runs an image as written (R23).
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

// Stalled emits a warning for a problem that neither the status nor an event has reported yet.
func (e *Events) Stalled(stack *v1alpha1.AppStack, mem *memory.Stack, next v1alpha1.AppStackStatus) {
	before := meta.FindStatusCondition(stack.Status.Conditions, v1alpha1.ConditionStalled)
	after := meta.FindStatusCondition(next.Conditions, v1alpha1.ConditionStalled)
	switch {
	case after == nil:
		mem.Problem = ""
	case after.Reason == v1alpha1.ReasonRolloutFailed:
		// the event of the failure has reported it, in more detail
	case before != nil && problem(before) == problem(after):
		mem.Problem = "" // the status contains it, and the cache never goes back
	case mem.Problem != problem(after):
		mem.Problem = problem(after)
		e.Recorder.Eventf(stack, nil, corev1.EventTypeWarning, after.Reason, "Reconcile", "%s",
			model.Truncate(after.Message, maxNote))
	}
}

func problem(condition *metav1.Condition) string { return condition.Reason + ": " + condition.Message }
