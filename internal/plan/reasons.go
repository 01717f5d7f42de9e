// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/revision"
)

// explained is the step that writes the child, with its reason and its event.
func explained(state model.State, child child, rollout model.Rollout) model.Step {
	step, component := child.step, child.component
	if child.live == nil {
		step.Reason = fmt.Sprintf("component %s of revision %d needs it", component.Name, component.Revision)
		if deleted(state, child, rollout) {
			step.Reason, step.Event = recreation(child), v1alpha1.EventRecreated
		}
		return step
	}
	if undone(state, child) {
		step.Undone.Field = child.drift
	}
	switch model.OwnershipOf(state.Stack, child.live) {
	case model.Unclaimed:
		step.Reason = fmt.Sprintf("%s %s is adopted: it was there before the stack", step.Kind, step.Name)
		step.Event = v1alpha1.EventAdopted
		return step
	case model.Orphaned:
		step.Reason = fmt.Sprintf("%s %s is taken back: it has the stack's labels and no controller", step.Kind, step.Name)
		step.Event = v1alpha1.EventAdopted
		return step
	case model.Owned, model.Inherited, model.Foreign:
	}
	earlier := child.live.GetAnnotations()[naming.AnnotationRevision]
	wanted := strconv.FormatInt(component.Revision, 10)
	switch {
	case step.Undone.Field != "":
		step.Reason, step.Event = Repair(state.Stack, step), v1alpha1.EventDriftRepaired
	case step.Kind == model.KindDeployment && earlier != "" && earlier != wanted:
		step.Reason = fmt.Sprintf("from revision %s to revision %s", earlier, wanted)
	default:
		step.Reason = "the stack's spec changed what it is to be"
	}
	return step
}

// undone says whether the child differs because somebody else has changed it since
// it was written, and not because it is to be another one by now. Without memory of
// the write, its annotation tells what was asked for.
func undone(state model.State, child child) bool {
	if state.Accepted[child.live.GetUID()].Asked == child.step.Hash {
		return true
	}
	asked, marked := child.live.GetAnnotations()[naming.AnnotationConfigHash]
	return asked == child.step.Hash || !marked && model.OwnershipOf(state.Stack, child.live) == model.Owned
}

// Repair says that what the step puts back was changed, by whom, and what to do in
// place of that.
func Repair(stack *v1alpha1.AppStack, step model.Step) string {
	reason := fmt.Sprintf("%s %s: %s was changed by %s and is put back", step.Kind, step.Name,
		step.Undone.Field, cmp.Or(step.Undone.Manager, "someone else"))
	if advice := instead(stack, step.Undone.Field); advice != "" {
		reason += ": " + advice
	}
	return reason
}

// restartAnnotation is what kubectl rollout restart sets in a pod template.
const restartAnnotation = templatePath + ".metadata.annotations.kubectl.kubernetes.io/restartedAt"

// instead says how the stack is asked for what somebody wanted who changed the field of
// a Deployment; empty where that is not known.
func instead(stack *v1alpha1.AppStack, field string) string {
	switch {
	case field == restartAnnotation:
		return "to restart all pods, set spec.restartedAt of the stack, or run: kubectl appstack restart " + stack.Name
	case strings.HasPrefix(field, templatePath+".spec.containers") && strings.HasSuffix(field, ".image"):
		return "to run another image, set it in the stack's spec"
	case field == replicasPath:
		return "to run another number of pods, scale the stack, or leave replicas out of its spec"
	default:
		return ""
	}
}

// deleted says whether a child that is not there was there before, so that somebody
// else has deleted it. Content was there with every rollout that has succeeded. Of
// how a component is operated nothing is recorded, but the last status speaks of
// the same spec, and nothing was in the way of it.
func deleted(state model.State, child child, rollout model.Rollout) bool {
	if !child.step.Kind.Content() {
		return rollout.Outcome == v1alpha1.OutcomeSucceeded && written(state.Stack)
	}
	for _, earlier := range revision.Timeline(state.Revisions) {
		if earlier.Outcome != v1alpha1.OutcomeSucceeded {
			continue
		}
		component := revision.Find(state.Revisions, earlier.Revision).Content.Find(child.component.Name)
		return component != nil && (child.step.Kind == model.KindDeployment || component.Service != nil)
	}
	return false
}

// recreation says that a deleted child is created again, and what becomes of it.
func recreation(child child) string {
	reason := fmt.Sprintf("%s %s was deleted by someone else and is created again", child.step.Kind, child.step.Name)
	switch child.step.Kind {
	case model.KindDeployment:
		return reason + ": its pods may be new ones"
	case model.KindService:
		switch child.component.Service.Type {
		case corev1.ServiceTypeLoadBalancer:
			return reason + ": its cluster IP and the address of its load balancer may have changed"
		case corev1.ServiceTypeNodePort:
			return reason + ": its cluster IP and its node ports may have changed"
		default:
			return reason + ": its cluster IP may have changed"
		}
	default:
		return reason
	}
}

// written says whether the last status speaks of the stack's spec as it is, and of
// nothing that kept a child from being written.
func written(stack *v1alpha1.AppStack) bool {
	ready := meta.FindStatusCondition(stack.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.ObservedGeneration == stack.Generation && !slices.Contains([]string{
		v1alpha1.ReasonNameConflict, v1alpha1.ReasonRejected, v1alpha1.ReasonRetrying, v1alpha1.ReasonWaitingForDeletion,
	}, ready.Reason)
}
