// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package telemetry_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/telemetry"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// event is a recorded event.
type event struct{ Related, Kind, Reason, Action, Note string }

// recorder records events.
type recorder struct{ events []event }

func (r *recorder) Eventf(_, related runtime.Object, kind, reason, action, note string, args ...any) {
	told := event{"", kind, reason, action, fmt.Sprintf(note, args...)}
	if object, ok := related.(*corev1.ObjectReference); ok {
		told.Related = object.Kind + " " + object.Name
	}
	r.events = append(r.events, told)
}

// unresolved returns a component that runs an image without a digest.
func unresolved(name, message string) model.Component {
	return model.Component{Name: name, Provenance: model.Provenance{
		Unresolved: &model.Unresolved{Reason: v1alpha1.ReasonRegistryUnavailable, Message: message},
	}}
}

// made and there are revision 2 without and with a UID: one to be created, and an existing one.
var (
	made  = model.ObjectID{Kind: model.KindRevision, Name: "shop-2"}
	there = model.ObjectID{Kind: model.KindRevision, Name: "shop-2", UID: "record"}
)

// step starts a rollout of revision 2 with these components.
func step(id model.ObjectID, reason string, components ...model.Component) model.Step {
	return model.StartRollout{
		Why: model.Why{Reason: "why", Event: reason}, ObjectID: id,
		Revision: model.Revision{Number: 2, Content: model.Content{Components: components}},
	}
}

func TestUnresolvedImages(t *testing.T) {
	const silent = "ghcr.io, asked for app:2: it does not answer in time"
	fine := model.Component{Name: "main", Provenance: model.Provenance{Resolved: true}}
	started := event{"ControllerRevision shop-2", corev1.EventTypeNormal, v1alpha1.EventRolloutStarted, "Create", "why"}
	warning := func(note string) event {
		return event{"ControllerRevision shop-2", corev1.EventTypeWarning, v1alpha1.EventImagesUnresolved, "Create", note}
	}
	tests := map[string]struct {
		step model.Step
		want []event
	}{
		"R23 a new revision that runs an image as written": {
			step(made, v1alpha1.EventRolloutStarted, unresolved("main", silent)),
			[]event{started, warning("revision 2, component main: an image runs as written: " + silent)},
		},
		"R23 of several components the first": {
			step(made, v1alpha1.EventRolloutStarted, fine, unresolved("mailer", silent), unresolved("worker", silent)),
			[]event{started, warning("revision 2, component mailer: an image runs as written: " + silent)},
		},
		"R21 a new revision whose images are pinned": {
			step(made, v1alpha1.EventRolloutStarted, fine), []event{started},
		},
		"R21 a new revision of which none was looked up": {
			step(made, v1alpha1.EventRolloutStarted, model.Component{Name: "main"}), []event{started},
		},
		"R23 no second time, when it is gone back to": {
			step(there, v1alpha1.EventRolloutStarted, unresolved("main", silent)),
			[]event{{"ControllerRevision shop-2", corev1.EventTypeNormal, v1alpha1.EventRolloutStarted, "Update", "why"}},
		},
		"R23 nor when it runs": {
			step(there, v1alpha1.EventRolloutSucceeded, unresolved("main", silent)),
			[]event{{"ControllerRevision shop-2", corev1.EventTypeNormal, v1alpha1.EventRolloutSucceeded, "Update", "why"}},
		},
		"R30 what a registry goes on and on about is cut": {
			step(made, v1alpha1.EventRolloutStarted, unresolved("main", strings.Repeat("x", 2000))),
			[]event{started, warning(("revision 2, component main: an image runs as written: " + strings.Repeat("x", 2000))[:1021] + "…")},
		},
		"R23 signs in what it says are left alone": {
			step(made, v1alpha1.EventRolloutStarted, unresolved("main", "100% of %s")),
			[]event{started, warning("revision 2, component main: an image runs as written: 100% of %s")},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			told := &recorder{}
			events := &telemetry.Events{Recorder: told}
			events.Took(Stack("shop"), test.step)
			if diff := cmp.Diff(test.want, told.events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDeletedChildren checks that an object deleted by somebody else causes a warning, and one that
// was only changed does not.
func TestDeletedChildren(t *testing.T) {
	for reason, kind := range map[string]string{
		v1alpha1.EventRecreated: corev1.EventTypeWarning, v1alpha1.EventDriftRepaired: corev1.EventTypeNormal,
	} {
		told := &recorder{}
		events := &telemetry.Events{Recorder: told}
		events.Took(Stack("shop"), model.WriteChild{
			Why: model.Why{Reason: "why", Event: reason}, ObjectID: model.ObjectID{Kind: model.KindService, Name: "shop"},
		})
		if diff := cmp.Diff([]event{{"Service shop", kind, reason, "Create", "why"}}, told.events); diff != "" {
			t.Errorf("R28 events (-want +got):\n%s", diff)
		}
	}
}

// TestAProblemHasOneEvent checks when a problem has an event, and that a problem is not remembered
// once the status shows it.
func TestAProblemHasOneEvent(t *testing.T) {
	rejected := func(message string) v1alpha1.AppStackStatus {
		return v1alpha1.AppStackStatus{Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonRejected, Message: message},
		}}
	}
	told := &recorder{}
	events := &telemetry.Events{Recorder: told}
	stack, mem := Stack("shop"), &memory.Stack{}
	for i, step := range []struct {
		before, next v1alpha1.AppStackStatus
		told         int
	}{
		{v1alpha1.AppStackStatus{}, rejected("no"), 1},
		{v1alpha1.AppStackStatus{}, rejected("no"), 1}, // the cache does not show the status yet
		{rejected("no"), rejected("no"), 1},
		{rejected("no"), rejected("no"), 1},
		{rejected("no"), rejected("never"), 2},
		{rejected("no"), rejected("never"), 2},
		{rejected("never"), rejected("never"), 2},
		{rejected("never"), v1alpha1.AppStackStatus{}, 2},
		{v1alpha1.AppStackStatus{}, rejected("never"), 3},
		{rejected("never"), rejected("never"), 3},
	} {
		stack.Status = step.before
		events.Stalled(stack, mem, step.next)
		if len(told.events) != step.told {
			t.Fatalf("R30 %d events after %d reconciles, want %d", len(told.events), i+1, step.told)
		}
	}
	if mem.Problem != "" {
		t.Errorf("%q is remembered though the status shows it", mem.Problem)
	}
}
