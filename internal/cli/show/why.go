// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show

import (
	"cmp"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/cli/terminal"
)

// Why explains in sentences what runs, what was asked for, what failed and what to do.
func (v View) Why(r release.Release) string {
	var out strings.Builder
	say := func(title string, sentences ...string) {
		text := strings.Join(strings.Fields(strings.Join(sentences, " ")), " ")
		if text != "" {
			out.WriteString(v.Paint(terminal.Strong, title) + "\n" + v.Wrap("  ", terminal.Clean(text)) + "\n")
		}
	}
	say("What runs", v.runs(r)...)
	say("What was asked", v.asked(r)...)
	say("How it stands", sentence(v.Mark(tone(r.Stack))+" "+Ready(r.Stack).Reason+": "+Ready(r.Stack).Message))
	if failure := r.Stack.Status.Failure; failure != nil {
		out.WriteString(v.Paint(terminal.Strong, "What failed") + "\n")
		for line := range strings.Lines(v.narrower(2).Autopsy(failure)) {
			out.WriteString("  " + line)
		}
	}
	if advice := v.advice(r); len(advice) > 0 {
		out.WriteString(v.Paint(terminal.Strong, "What to do") + "\n")
		for _, line := range advice {
			out.WriteString(v.Wrap("  ", line) + "\n")
		}
	}
	for _, words := range r.Unseen {
		out.WriteString(v.Wrap("", v.Paint(terminal.Busy, "not seen: "+words)) + "\n")
	}
	return out.String()
}

// narrower is the view with so many columns less.
func (v View) narrower(columns int) View {
	if v.Width > columns {
		v.Width -= columns
	}
	return v
}

// runs says what runs.
func (v View) runs(r release.Release) []string {
	status := r.Stack.Status
	if status.Revision == 0 {
		return []string{"Nothing yet."}
	}
	first := fmt.Sprintf("Revision %d runs", status.Revision)
	if rollout := newest(r.Stack); rollout != nil && rollout.Outcome == v1alpha1.OutcomeProgressing {
		first = fmt.Sprintf("Revision %d is being rolled out", status.Revision)
	}
	words := []string{first + ": " + ShortImage(mainImage(r.Stack)) + "."}
	if status.ReadySummary != "" {
		words = append(words, fmt.Sprintf("Of its pods %s are ready.", strings.Replace(status.ReadySummary, "/", " of ", 1)))
	}
	if status.Address != "" {
		words = append(words, "It serves at "+status.Address+".")
	}
	return words
}

// asked says what the spec asks for, and who or what asked.
func (v View) asked(r release.Release) []string {
	spec, asked := r.Stack.Spec, r.Asked()
	content := fmt.Sprintf("The spec's content is that of revision %d (%s).", asked, spec.Image)
	if asked == 0 {
		content = fmt.Sprintf("The spec's content (%s) is not released as any revision.", spec.Image)
	}
	words := []string{content}
	if rollback := spec.Rollback; rollback != nil {
		words = append(words, fmt.Sprintf("spec.rollback asks for revision %d", rollback.ToRevision))
		switch {
		case rollback.FromRevision == nil:
			words = append(words, "until it is removed")
		case asked == *rollback.FromRevision:
			words = append(words, fmt.Sprintf("as long as the content is that of revision %d", asked))
		default:
			words = append(words, fmt.Sprintf("only if the content is that of revision %d, which it is not", *rollback.FromRevision))
		}
		if rollback.Cause != "" {
			words = append(words, fmt.Sprintf("(%s)", oneLine(rollback.Cause)))
		}
		words[len(words)-1] += "."
	}
	if spec.Paused {
		words = append(words, "Rollouts are paused.")
	}
	if rollout := newest(r.Stack); rollout != nil {
		last := fmt.Sprintf("The newest rollout, to revision %d, began %s ago (%s)", rollout.Revision, v.age(rollout.StartedAt), rollout.Trigger)
		reason := cmp.Or(rollout.Cause, rollout.Message)
		if rollout.Trigger == v1alpha1.TriggerAutoRollback { // nobody asked for it
			reason = rollout.Message
		}
		words = append(words, sentence(last+": "+oneLine(reason)))
	}
	return words
}

func sentence(text string) string {
	if strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
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

// Advice is what to do about a stack that is not ready; empty where nothing has to be done.
func (v View) Advice(r release.Release) string {
	var out strings.Builder
	for _, line := range v.advice(r) {
		out.WriteString(v.Wrap("", line) + "\n")
	}
	return out.String()
}

// Intent says what a rollback that is about to be asked for will do.
func (v View) Intent(r release.Release, rollback v1alpha1.Rollback) string {
	stack, to := r.Stack, rollback.ToRevision
	words := []string{fmt.Sprintf("%s goes from revision %d to revision %d.", stack.Name, stack.Status.Revision, to)}
	if stack.Status.Revision == to {
		words[0] = fmt.Sprintf("%s runs revision %d already: no pod is replaced, and it becomes what is asked for.", stack.Name, to)
	}
	if good := v.lastSuccess(r, to); good != "" {
		words = append(words, good)
	}
	switch {
	case rollback.FromRevision == nil:
		words = append(words, "The spec's content is no revision's: the rollback holds until kubectl appstack resume-spec "+stack.Name+v.Scope+".")
	default:
		words = append(words, fmt.Sprintf("It holds while the spec's content is that of revision %d: the next change of the content is released as usual.",
			*rollback.FromRevision))
	}
	if stack.Spec.Paused {
		words = append(words, "Rollouts are paused: it begins after kubectl appstack resume "+stack.Name+v.Scope+".")
	}
	return strings.Join(words, " ")
}

// lastSuccess says when the revision was good last.
func (v View) lastSuccess(r release.Release, number int64) string {
	rev := r.Find(number)
	for i := len(rev.Record.Rollouts) - 1; i >= 0; i-- {
		if rollout := rev.Record.Rollouts[i]; rollout.Good() {
			return fmt.Sprintf("Revision %d succeeded last %s ago.", number, v.age(metav1.NewTime(rollout.Ended())))
		}
	}
	return fmt.Sprintf("Revision %d has never succeeded.", number)
}
