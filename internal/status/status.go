// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package status tells what was observed of a stack. It is pure, and computes
// a status whole: only transition times are carried over.
package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/revision"
)

// Input is all that a status is computed from.
type Input struct {
	State   model.State
	Plan    model.Plan
	Outcome model.Outcome
	Now     time.Time
}

// problem is what only a person can mend, or nil. What the cluster had against
// going elsewhere comes first; what it has against a write of a rollout that
// failed is in the rollout's autopsy already.
func (in Input) problem() *model.Problem {
	if in.Plan.Start != nil {
		return cmp.Or(in.Outcome.Problem, in.Plan.Problem)
	}
	return cmp.Or(in.Plan.Problem, in.Outcome.Problem)
}

// predecessor names an object of a deleted stack of the same name that is waited for.
func (in Input) predecessor() string {
	if in.State.Predecessor != "" {
		return in.State.Predecessor
	}
	return in.Outcome.Predecessor
}

// Compute is the status that follows from the input.
func Compute(in Input) v1alpha1.AppStackStatus {
	stack := in.State.Stack
	timeline := revision.Timeline(in.State.Revisions)
	status := v1alpha1.AppStackStatus{
		ObservedGeneration: stack.Generation,
		Components:         componentStatuses(in),
		History:            history(timeline, in.State.Revisions),
		Failure:            failure(timeline),
		Selector:           selector(in),
		Conditions:         slices.Clone(stack.Status.Conditions),
	}
	if in.Plan.Rollout != nil {
		status.Revision = in.Plan.Rollout.Revision
	}
	if good := revision.LastGood(timeline); good != nil {
		status.LastGoodRevision = good.Revision
	}
	var ready, desired int64 // one component may ask for all that an int32 holds
	for _, component := range status.Components {
		ready += int64(ptr.Deref(component.ReadyReplicas, 0))
		desired += int64(ptr.Deref(component.DesiredReplicas, 0))
		if component.Name == naming.Main {
			status.Image, status.Address, status.Replicas = short(component.Image), component.Address, component.Replicas
		}
	}
	status.ReadySummary = fmt.Sprintf("%d/%d", ready, desired)
	setConditions(&status.Conditions, in)
	return bounded(status)
}

// selector chooses the main component's pods. One that is adopted may have more
// labels than the API takes; all pods carry the stack's own too.
func selector(in Input) string {
	own := labels.SelectorFromSet(naming.Selector(in.State.Stack.Name, naming.Main)).String()
	for _, component := range in.Plan.Components {
		if component.Name != naming.Main {
			continue
		}
		if adopted := labels.SelectorFromSet(component.Selector).String(); len(adopted) <= maxSelector {
			return adopted
		}
	}
	return own
}

// maxMessage is how much of a message a condition shows, in characters: enough for
// all that says what to do, and less than the API takes.
const maxMessage = 4096

// verdict is how a condition stands.
type verdict struct {
	status  metav1.ConditionStatus
	reason  string
	message string
}

// setConditions sets those that always stand, and those that stand only where
// there is something to say (R19).
func setConditions(conditions *[]metav1.Condition, in Input) {
	set := func(conditionType string, v verdict) {
		meta.SetStatusCondition(conditions, metav1.Condition{
			Type:               conditionType,
			Status:             v.status,
			Reason:             v.reason,
			Message:            v.message,
			ObservedGeneration: in.State.Stack.Generation,
			LastTransitionTime: seconds(in.Now),
		})
	}
	set(v1alpha1.ConditionReady, ready(in))
	set(v1alpha1.ConditionAvailable, available(in))
	setWhereSaid := func(conditionType string, v *verdict) {
		if v == nil {
			meta.RemoveStatusCondition(conditions, conditionType)
			return
		}
		set(conditionType, *v)
	}
	setWhereSaid(v1alpha1.ConditionImagesResolved, imagesResolved(in.Plan.Components))
	setWhereSaid(v1alpha1.ConditionReconciling, reconciling(in))
	setWhereSaid(v1alpha1.ConditionStalled, stalled(in))
}

// sentences joins what a message says of several components.
func sentences(parts []string) string { return strings.Join(parts, "; ") }
