// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/release"
)

// Advice is what to do about a stack that is not ready; empty where nothing has to be done.
func (v View) Advice(r release.Release) string {
	var out strings.Builder
	for _, line := range v.advice(r) {
		out.WriteString(v.Wrap("", line) + "\n")
	}
	return out.String()
}

// command is one that can be typed as it is shown.
func (v View) command(r release.Release, verb string, args ...string) string {
	words := append([]string{"kubectl", "appstack"}, strings.Fields(verb)...)
	words = append(append(words, r.Stack.Name), args...)
	return strings.Join(words, " ") + v.Scope
}

// advice is what to do, a line each.
func (v View) advice(r release.Release) []string {
	stack := r.Stack
	if !Current(stack) {
		return []string{"Wait: the operator has not seen the newest change yet. " + v.command(r, "wait")}
	}
	ready := Ready(stack)
	if ready.Status == metav1.ConditionTrue {
		return nil
	}
	if lines, known := v.remedies(r)[ready.Reason]; known {
		return lines
	}
	return []string{"See " + v.command(r, "status") + " and: kubectl events --for appstack/" + stack.Name + v.Scope}
}

// remedies are what to do by the reason for which a stack is not ready.
func (v View) remedies(r release.Release) map[string][]string {
	var (
		back     = "Run an earlier revision: " + v.command(r, "rollback", "--to-revision", "N") + " (see " + v.command(r, "history") + ")"
		fix      = "Release a fix: change the spec, such as with " + v.command(r, "set-image", "IMAGE")
		again    = "Or, if what it lacked is there now, try the same again: " + v.command(r, "restart")
		pods     = "Look at the pods: " + v.command(r, "status") + " and " + v.command(r, "logs")
		wait     = "Wait for it: " + v.command(r, "wait")
		amend    = "Correct the field that the message names, and apply the stack again."
		accept   = "Or keep what runs: " + v.command(r, "rollback")
		revision = fmt.Sprintf("Name one that there is (%s): ", r.Numbers()) + v.command(r, "rollback", "--to-revision", "N") +
			"; or run the spec again: " + v.command(r, "resume-spec")
	)
	return map[string][]string{
		v1alpha1.ReasonProgressing:        {wait, "What it waits for: " + v.command(r, "status -w")},
		v1alpha1.ReasonScaling:            {wait, pods},
		v1alpha1.ReasonUnavailable:        {pods},
		v1alpha1.ReasonPaused:             {"Go on: " + v.command(r, "resume")},
		v1alpha1.ReasonRetrying:           {"It is tried again by itself; the message says what is in the way."},
		v1alpha1.ReasonWaitingForDeletion: {wait},
		v1alpha1.ReasonInvalidPodTemplate: {amend},
		v1alpha1.ReasonNameConflict: {"Delete the object that the message names, rename the stack, or take it over: " +
			"kubectl annotate appstack/" + r.Stack.Name + " " + v1alpha1.AnnotationAdopt + "=true" + v.Scope},
		v1alpha1.ReasonRejected:         {"The message is the API server's. " + amend},
		v1alpha1.ReasonRevisionNotFound: {revision},
		v1alpha1.ReasonRevisionDamaged:  {"Restore the ControllerRevision that the message names from a backup, or delete it to do without."},
		v1alpha1.ReasonRolledBack:       {fix, again, accept},
		v1alpha1.ReasonRolloutFailed:    {fix, again, back},
		v1alpha1.ReasonRollbackFailed:   {fix, again, back},
	}
}
