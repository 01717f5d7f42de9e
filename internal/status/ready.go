// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
)

// ready returns the condition Ready: whether everything the spec asks for runs. The first check
// that finds something decides.
func ready(in Input) verdict {
	for _, check := range []func(Input) (reason, message string, blocked bool){
		hasProblem, waitsForPredecessor, isRetried, isHeld, looksUp, gathers, moves, rollsOut, scales, lacksPods,
	} {
		if reason, message, blocked := check(in); blocked {
			return verdict{metav1.ConditionFalse, reason, message}
		}
	}
	message := fmt.Sprintf("revision %d runs", in.Plan.Rollout.Revision)
	if images := admitted(in.Plan.Components); images != "" {
		message += "; admission control of the cluster changed images: " + images
	}
	message += deletedConfig(in.State, in.Plan.Rollout.Revision)
	message += secrets(in.State, in.Plan.Rollout.Revision)
	return verdict{metav1.ConditionTrue, v1alpha1.ReasonSucceeded, message}
}

// deletedConfig describes the ConfigMaps of the revision that were deleted since; empty if none were
// (R33).
func deletedConfig(state model.State, number int64) string {
	rev := revision.Find(state.Revisions, number)
	if rev == nil || state.Config == nil {
		return ""
	}
	var message strings.Builder
	for _, name := range revision.DeletedConfig(*rev, state.Config.Observed) {
		message.WriteString("; ConfigMap " + name + " was deleted")
		if slices.ContainsFunc(rev.Content.Config, func(copied model.ConfigCopy) bool { return copied.Source == name }) {
			message.WriteString(": the revision keeps its content")
		}
	}
	return message.String()
}

// secrets describes why a change of a Secret would replace no pod; empty if it would, or if it is not
// meant to (R36).
func secrets(state model.State, number int64) string {
	rev := revision.Find(state.Revisions, number)
	if rev == nil || state.Secrets == nil {
		return ""
	}
	if denied := state.Secrets.Denied; denied != "" {
		return "; " + denied
	}
	if changed := state.Secrets.Changed(rev.Record.SecretVersions); len(changed) > 0 {
		return "; " + revision.ChangeMessage("Secret", changed) + ": pods are replaced when rollback is removed"
	}
	return ""
}

func hasProblem(in Input) (reason, message string, blocked bool) {
	if problem := in.problem(); problem != nil {
		return problem.Reason, problem.Message, true
	}
	return "", "", false
}

func waitsForPredecessor(in Input) (reason, message string, blocked bool) {
	if name := in.State.Predecessor; name != "" {
		return v1alpha1.ReasonWaitingForDeletion,
			name + " belongs to a deleted stack of this name, and is about to be deleted", true
	}
	return "", "", false
}

func isHeld(in Input) (reason, message string, blocked bool) {
	if in.Plan.Held {
		return v1alpha1.ReasonPaused, "a rollout is due and paused is set: remove paused to go on", true
	}
	return "", "", false
}

func isRetried(in Input) (reason, message string, blocked bool) {
	if in.Outcome.Trouble != "" {
		return v1alpha1.ReasonRetrying, in.Outcome.Trouble, true
	}
	return "", "", false
}

func looksUp(in Input) (reason, message string, blocked bool) {
	if in.Plan.LooksUp != "" {
		return v1alpha1.ReasonProgressing, in.Plan.LooksUp + " is being resolved in its registry", true
	}
	return "", "", false
}

func gathers(in Input) (reason, message string, blocked bool) {
	if in.Plan.Gathers != "" {
		return v1alpha1.ReasonProgressing, in.Plan.Gathers + ": a release starts unless more changes follow at once", true
	}
	return "", "", false
}

func moves(in Input) (reason, message string, blocked bool) {
	if in.Plan.Start != nil {
		return v1alpha1.ReasonProgressing, in.Plan.Start.Reason, true
	}
	if in.Plan.Rollout == nil {
		return v1alpha1.ReasonProgressing, "nothing runs yet", true
	}
	return "", "", false
}

func rollsOut(in Input) (reason, message string, blocked bool) {
	current := in.Plan.Rollout
	if !current.Open() {
		return "", "", false
	}
	message = fmt.Sprintf("revision %d is being rolled out", current.Revision)
	if in.Plan.Waits != "" {
		message = fmt.Sprintf("revision %d: %s", current.Revision, in.Plan.Waits)
	}
	return v1alpha1.ReasonProgressing, message, true
}

// scales reports whether the number of pods in the spec is not set on the Deployment or not reached
// yet. Scaling by an autoscaler within the spec's limits does not count.
func scales(in Input) (reason, message string, blocked bool) {
	var short []string
	for _, component := range in.Plan.Components {
		deployment := in.State.Deployment(component.Name)
		if deployment == nil {
			short = append(short, fmt.Sprintf("%s: its Deployment is missing", component.Name))
			continue
		}
		floor := component.Wanted(ptr.Deref(deployment.Spec.Replicas, 1))
		changing := component.Replicas != nil && ptr.Deref(deployment.Spec.Replicas, 1) != floor
		if changing || deployment.Status.Replicas < floor {
			short = append(short, fmt.Sprintf("%s: %d pods asked for, %d available",
				deployment.Name, floor, deployment.Status.AvailableReplicas))
		}
	}
	return v1alpha1.ReasonScaling, sentences(short), len(short) > 0
}

func lacksPods(in Input) (reason, message string, blocked bool) {
	var short []string
	for _, component := range in.Plan.Components {
		deployment := in.State.Deployment(component.Name)
		if floor := component.Wanted(ptr.Deref(deployment.Spec.Replicas, 1)); deployment.Status.AvailableReplicas < floor {
			short = append(short, fmt.Sprintf("%s: %d of %d pods available",
				deployment.Name, deployment.Status.AvailableReplicas, floor))
		}
	}
	return v1alpha1.ReasonUnavailable, sentences(short), len(short) > 0
}
