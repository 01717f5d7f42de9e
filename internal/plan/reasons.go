// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/revision"
)

// explained returns the step that writes the child, with its reason and its event.
func explained(state model.State, child *kinds.Child, rollout model.Rollout) model.WriteChild {
	step, component := child.Write, child.Component
	if child.Live == nil {
		step.Reason = fmt.Sprintf("component %s of revision %d needs it", component.Name, component.Revision)
		if deleted(state, child, rollout) {
			step.Reason, step.Event = recreation(child), v1alpha1.EventRecreated
		}
		return step
	}
	if undone(state, child) {
		step.Undone.Field = child.Drift
	}
	switch model.OwnershipOf(state.Stack, child.Live) {
	case model.Unclaimed:
		step.Reason = fmt.Sprintf("%s %s is adopted: it was there before the stack", step.Kind, step.Name)
		step.Event = v1alpha1.EventAdopted
		return step
	case model.Orphaned:
		step.Reason = fmt.Sprintf("%s %s is adopted: it has the stack's labels and no controller", step.Kind, step.Name)
		step.Event = v1alpha1.EventAdopted
		return step
	case model.Owned, model.Inherited, model.Foreign:
	}
	earlier := child.Live.GetAnnotations()[naming.AnnotationRevision]
	wanted := strconv.FormatInt(component.Revision, 10)
	switch {
	case step.Undone.Field != "":
		step.Reason, step.Event = Repair(state.Stack, step), v1alpha1.EventDriftRepaired
	case earlier != "" && earlier != wanted:
		step.Reason = fmt.Sprintf("from revision %s to revision %s", earlier, wanted)
	default:
		step.Reason = "the stack's spec changed it"
	}
	return step
}

// undone reports whether the child differs because somebody else changed it after the last
// write, rather than because its desired state changed. If the last write is not in memory, the
// child's annotation identifies it.
func undone(state model.State, child *kinds.Child) bool {
	if state.LastWrites[child.Live.GetUID()].Asked == child.Write.Hash {
		return true
	}
	asked, marked := child.Live.GetAnnotations()[naming.AnnotationConfigHash]
	return asked == child.Write.Hash || !marked && model.OwnershipOf(state.Stack, child.Live) == model.Owned
}

// Repair returns the reason of a repair: what was changed, by whom, and how to make that change
// through the stack's spec.
func Repair(stack *v1alpha1.AppStack, step model.WriteChild) string {
	reason := fmt.Sprintf("%s %s: %s was changed by %s and is reverted", step.Kind, step.Name,
		step.Undone.Field, cmp.Or(step.Undone.Manager, "someone else"))
	if advice := instead(stack, step.Undone.Field); advice != "" {
		reason += ": " + advice
	}
	return reason
}

// restartAnnotation is the path of the annotation that kubectl rollout restart sets in a pod
// template.
const restartAnnotation = kinds.TemplatePath + ".metadata.annotations.kubectl.kubernetes.io/restartedAt"

// instead is the advice on how to change a Deployment's field through the stack's spec; empty
// if there is none.
func instead(stack *v1alpha1.AppStack, field string) string {
	switch {
	case field == restartAnnotation:
		return "to restart all pods, set spec.restartedAt of the stack, or run: kubectl appstack restart " + stack.Name
	case strings.HasPrefix(field, kinds.TemplatePath+".spec.containers") && strings.HasSuffix(field, ".image"):
		return "to run another image, set it in the stack's spec"
	case field == kinds.ReplicasPath:
		return "to run another number of pods, scale the stack, or leave replicas out of its spec"
	default:
		return ""
	}
}

// deleted reports whether somebody else deleted a missing child, because it must have existed. A
// Deployment or Service existed if the last revision that succeeded has it. Other children are
// not recorded: they existed if the newest rollout has succeeded and the last status is of the
// same spec and reports nothing that prevented writing them.
func deleted(state model.State, child *kinds.Child, rollout model.Rollout) bool {
	if !child.Content {
		return rollout.Outcome == v1alpha1.OutcomeSucceeded && written(state.Stack)
	}
	for _, earlier := range revision.Timeline(state.Revisions) {
		if earlier.Outcome != v1alpha1.OutcomeSucceeded {
			continue
		}
		return child.Part(revision.Find(state.Revisions, earlier.Revision).Content.Find(child.Component.Name))
	}
	return false
}

// recreation is the reason for creating a deleted child again, with the consequences of that.
func recreation(child *kinds.Child) string {
	reason := fmt.Sprintf("%s %s was deleted by someone else and is created again", child.Name, child.Write.Name)
	if lost := child.Lost(); lost != "" {
		reason += ": " + lost
	}
	return reason
}

// written reports whether the last status is of the stack's current spec and reports nothing
// that prevented writing a child.
func written(stack *v1alpha1.AppStack) bool {
	ready := meta.FindStatusCondition(stack.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.ObservedGeneration == stack.Generation && !slices.Contains([]string{
		v1alpha1.ReasonNameConflict, v1alpha1.ReasonRejected, v1alpha1.ReasonRetrying, v1alpha1.ReasonWaitingForDeletion,
	}, ready.Reason)
}
