// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/cli/terminal"
)

// remedy is one thing that the user can do about a problem.
type remedy struct {
	text string
	// commands to copy and run.
	commands []string
}

// Advice tells the user what to do about a stack that is not ready; it is empty if there is nothing
// to do.
func (v View) Advice(r release.Release) string { return v.advise(r, "") }

// advise returns the advice with an indent. It does not wrap commands, so that they can be copied.
func (v View) advise(r release.Release, indent string) string {
	var out strings.Builder
	for _, remedy := range v.remedies(r) {
		out.WriteString(v.Wrap(indent, remedy.text) + "\n")
		for _, command := range remedy.commands {
			out.WriteString(indent + "  " + v.Paint(terminal.Strong, command) + "\n")
		}
	}
	return out.String()
}

// command returns a command of the plugin for this stack, ready to be copied.
func (v View) command(r release.Release, verb string, args ...string) string {
	return strings.Join(append([]string{"kubectl appstack", verb, r.Stack.Name}, args...), " ") + v.Scope
}

// remedies returns what can be done about the stack, the most likely remedy first.
func (v View) remedies(r release.Release) []remedy {
	ready := Ready(r.Stack)
	switch {
	case !Current(r.Stack):
		return []remedy{{"Wait until the operator has reconciled the newest change:", []string{v.command(r, "wait")}}}
	case ready.Status == metav1.ConditionTrue:
		return nil
	}
	if known := v.remediesByReason(r)[ready.Reason]; known != nil {
		if slices.Contains(rolloutReasons, ready.Reason) {
			known = slices.Concat(v.capacityRemedies(r), known)
		}
		return known
	}
	events := "kubectl events --for appstack/" + r.Stack.Name + v.Scope
	return []remedy{{"Get more details:", []string{v.command(r, "status"), events}}}
}

// rolloutReasons are the reasons of Ready for a rollout that is in progress or has failed.
var rolloutReasons = []string{
	v1alpha1.ReasonProgressing, v1alpha1.ReasonRolledBack, v1alpha1.ReasonRolloutFailed, v1alpha1.ReasonRollbackFailed,
}

// failedTrigger returns the trigger of the failed rollout; empty if there is none.
func failedTrigger(r release.Release) v1alpha1.RolloutTrigger {
	failure := r.Stack.Status.Failure
	if failure == nil {
		return ""
	}
	for _, rollout := range r.Stack.Status.History { // the newest first
		if rollout.Revision == failure.Revision && rollout.Outcome == v1alpha1.OutcomeFailed {
			return rollout.Trigger
		}
	}
	return ""
}

// remediesByReason returns the remedies by the reason of Ready.
func (v View) remediesByReason(r release.Release) map[string][]remedy {
	var (
		wait     = remedy{"Wait for the stack, or watch its progress:", []string{v.command(r, "wait"), v.command(r, "status", "-w")}}
		pods     = remedy{"Check the pods:", []string{v.command(r, "status"), v.command(r, "logs")}}
		correct  = remedy{"Correct the field that the message names, and apply the stack again.", nil}
		fix      = remedy{"Release a fix: change the spec, or update the image:", []string{v.command(r, "set-image", "IMAGE")}}
		retry    = remedy{"Or, if the cause is fixed, retry the same content:", []string{v.command(r, "restart")}}
		keep     = remedy{"Or keep the running revision until the next change:", []string{v.command(r, "rollback")}}
		resume   = remedy{"Or end the rollback and run the spec again:", []string{v.command(r, "resume-spec")}}
		rollback = remedy{"Or roll back to an earlier revision from the history:", []string{
			v.command(r, "history"), v.command(r, "rollback", "--to-revision", "N"),
		}}
	)
	switch commands := fix.commands; failedTrigger(r) {
	case v1alpha1.TriggerConfigChanged:
		fix = remedy{"Correct the ConfigMap: its change is released. Or release a fix of the spec:", commands}
	case v1alpha1.TriggerSecretChanged:
		fix = remedy{"Correct the Secret: its change is released. Or release a fix of the spec:", commands}
	case v1alpha1.TriggerSpecChanged, v1alpha1.TriggerRollback, v1alpha1.TriggerAutoRollback, v1alpha1.TriggerRestart:
	}
	failed, stuck := []remedy{fix, retry, keep}, []remedy{fix, retry}
	if r.LastGood(r.Stack.Status.Revision) != nil {
		stuck = append(stuck, rollback)
	}
	if r.RollbackHolds() { // until the rollback ends, changes of the spec's content are not released
		failed = []remedy{{"End the rollback and run the spec again:", resume.commands}, rollback}
		stuck = failed
	}
	return map[string][]remedy{
		v1alpha1.ReasonProgressing:        {wait},
		v1alpha1.ReasonScaling:            {wait, pods},
		v1alpha1.ReasonUnavailable:        {pods},
		v1alpha1.ReasonPaused:             {{"Resume the rollouts:", []string{v.command(r, "resume")}}},
		v1alpha1.ReasonRetrying:           {{"The operator retries automatically. The message shows the error.", nil}},
		v1alpha1.ReasonWaitingForDeletion: {wait},
		v1alpha1.ReasonInvalidPodTemplate: {correct},
		v1alpha1.ReasonNameConflict: {
			{"Delete the object that the message names, or rename the stack.", nil},
			{"Or let the stack adopt the object:", []string{
				"kubectl annotate appstack/" + r.Stack.Name + " " + v1alpha1.AnnotationAdopt + "=true" + v.Scope,
			}},
		},
		v1alpha1.ReasonRejected: {{"The message is from the API server.", nil}, correct},
		v1alpha1.ReasonRevisionNotFound: {
			{fmt.Sprintf("Select an existing revision (%s):", r.Numbers()), []string{v.command(r, "rollback", "--to-revision", "N")}},
			resume,
		},
		v1alpha1.ReasonRevisionDamaged: {
			{"Restore the ControllerRevision that the message names from a backup, or delete it if you do not need that revision.", nil},
		},
		v1alpha1.ReasonConfigNotFound: {
			{"Create the ConfigMap or the key that the message names. The release starts by itself then.", nil},
			{"Or make the reference optional, and apply the stack again.", nil},
		},
		v1alpha1.ReasonConfigUnreadable: {
			{"Ask an administrator to give the operator the rights that the manifests of its version have.", nil},
		},
		v1alpha1.ReasonConfigContested: {
			{"Stop the client that the message names. If the app itself changes a ConfigMap, add its name to spec.config.live.", nil},
		},
		v1alpha1.ReasonConfigLost: {
			{"Restore the copies that the message names from a backup.", nil},
			{"Or release the spec's content anew, with the ConfigMaps as they are now:", []string{v.command(r, "restart")}},
		},
		v1alpha1.ReasonDriftContested: {
			{"Stop the client that changes the object: the message names its field manager, and the events list each repair:", []string{
				"kubectl events --for appstack/" + r.Stack.Name + v.Scope,
			}},
			{"Or set the value in the stack's spec. The stack is ready again when a repair has lasted for a minute.", nil},
		},
		v1alpha1.ReasonRolledBack:     failed,
		v1alpha1.ReasonRolloutFailed:  stuck,
		v1alpha1.ReasonRollbackFailed: stuck,
	}
}
