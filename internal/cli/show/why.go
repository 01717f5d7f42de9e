// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/cli/terminal"
)

// Why explains in sentences what is running, what is requested, what failed and what to do.
func (v View) Why(r release.Release) string {
	var out strings.Builder
	section := func(title string, sentences ...string) {
		text := strings.Join(strings.Fields(strings.Join(sentences, " ")), " ")
		if text != "" {
			out.WriteString(v.Paint(terminal.Strong, title) + "\n" + v.Wrap("  ", text) + "\n")
		}
	}
	section("Running", v.running(r)...)
	section("Requested", v.requested(r)...)
	section("Status", sentence(v.state(r.Stack)+": "+message(r.Stack)))
	if failure := r.Stack.Status.Failure; failure != nil {
		out.WriteString(v.Paint(terminal.Strong, "Failure") + "\n")
		for line := range strings.Lines(v.narrower(2).FailureReport(failure)) {
			out.WriteString("  " + line)
		}
	}
	section("Warnings", warnings(r)...)
	if advice := v.advise(r, "  "); advice != "" {
		out.WriteString(v.Paint(terminal.Strong, "Next steps") + "\n" + advice)
	}
	for _, words := range r.DeniedMessages {
		out.WriteString(v.Wrap("", v.Paint(terminal.Busy, "not shown: "+words)) + "\n")
	}
	return out.String()
}

// narrower returns the view with its width reduced by the columns.
func (v View) narrower(columns int) View {
	if v.Width > columns {
		v.Width -= columns
	}
	return v
}

// running describes which revision and image run, how many pods are ready, and the address.
func (v View) running(r release.Release) []string {
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
		words = append(words, fmt.Sprintf("%s pods are ready.", strings.Replace(status.ReadySummary, "/", " of ", 1)))
	}
	if status.Address != "" {
		words = append(words, "The address is "+status.Address+".")
	}
	return words
}

// requested describes what the spec requests, and what started the newest rollout.
func (v View) requested(r release.Release) []string {
	spec, specRevision := r.Stack.Spec, r.SpecRevision()
	content := fmt.Sprintf("The spec has the content of revision %d (%s).", specRevision, ShortImage(spec.Image))
	switch {
	case r.Denied[release.RevisionKind] != nil:
		content = fmt.Sprintf("The image in the spec is %s.", ShortImage(spec.Image))
	case specRevision == 0:
		content = fmt.Sprintf("The content of the spec (%s) has no revision yet.", ShortImage(spec.Image))
	}
	words := []string{content}
	if rollback := spec.Rollback; rollback != nil {
		words = append(words, fmt.Sprintf("spec.rollback requests revision %d", rollback.ToRevision))
		switch {
		case rollback.FromRevision == nil:
			words = append(words, "until it is removed")
		case r.RollbackHolds():
			words = append(words, fmt.Sprintf("while the spec has the content of revision %d", *rollback.FromRevision))
		default:
			words = append(words, fmt.Sprintf("only while the spec has the content of revision %d, which is not the case", *rollback.FromRevision))
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
		last := fmt.Sprintf("The newest rollout, to revision %d, started %s ago (%s)",
			rollout.Revision, v.age(rollout.StartedAt), rollout.Trigger)
		reason := cmp.Or(rollout.Cause, rollout.Message)
		if rollout.Trigger == v1alpha1.TriggerAutoRollback { // its cause says why the revision was first released
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
