// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package telemetry tells of what the operator does.
package telemetry

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// maxNote is how many bytes the events API takes for a note.
const maxNote = 1024

// Events tells users of a stack.
type Events struct {
	Recorder events.EventRecorder
}

// Took tells of a step that took effect, where that is worth an event.
func (e Events) Took(stack *v1alpha1.AppStack, step model.Step) {
	if step.Event != "" {
		e.emit(stack, corev1.EventTypeNormal, step.Event, string(step.Verb), step.Reason)
	}
}

// Stalled tells of a problem that the status did not show yet.
func (e Events) Stalled(stack *v1alpha1.AppStack, next v1alpha1.AppStackStatus) {
	before := meta.FindStatusCondition(stack.Status.Conditions, v1alpha1.ConditionStalled)
	after := meta.FindStatusCondition(next.Conditions, v1alpha1.ConditionStalled)
	if after == nil || before != nil && before.Reason == after.Reason && before.Message == after.Message {
		return
	}
	e.emit(stack, corev1.EventTypeWarning, after.Reason, "Reconcile", after.Message)
}

func (e Events) emit(stack *v1alpha1.AppStack, kind, reason, action, note string) {
	e.Recorder.Eventf(stack, nil, kind, reason, action, "%s", note[:min(len(note), maxNote)])
}
