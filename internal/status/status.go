// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package status computes the status of a stack. It is pure and computes the complete status each
// time; only transition times are carried over.
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

// Input is everything from which a status is computed.
type Input struct {
	State   model.State
	Plan    model.Plan
	Outcome model.Outcome
	Now     time.Time
}

// problem returns the terminal error that a user has to fix, or nil. If a rollout is about to
// start, the cluster's rejection takes precedence. Otherwise the plan's problem does, because a
// rejected write of a failed rollout is already in its failure report.
func (in Input) problem() *model.Problem {
	if in.Plan.Start != nil {
		return cmp.Or(in.Outcome.Problem, in.Plan.Problem)
	}
	return cmp.Or(in.Plan.Problem, in.Outcome.Problem)
}

// Compute returns the status that follows from the input.
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
	var ready, desired int64 // the replicas of one component may already be the maximum of int32
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

// selector returns the label selector of the main component's pods. An adopted selector may be
// longer than the API allows; the stack's own labels are used then, which all pods have too.
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

// maxMessage limits the messages of conditions, in characters. It leaves room for every instruction
// to the user, and is below the API's own limit.
const maxMessage = 4096

// verdict is the computed state of a condition.
type verdict struct {
	status  metav1.ConditionStatus
	reason  string
	message string
}

// setConditions sets the conditions that are always present, and sets or removes those that are
// present only if they apply (R19).
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

// sentences joins the parts of a message about several components.
func sentences(parts []string) string { return strings.Join(parts, "; ") }
