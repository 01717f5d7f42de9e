// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/cli/terminal"
	"github.com/appstack-dev/appstack/internal/naming"
)

// Tree returns the stack's state, then a table of its components, their ReplicaSets and their pods
// as a tree, and the failure report. With bars, components have a progress bar.
func (v View) Tree(r release.Release, bars bool) string {
	var out strings.Builder
	out.WriteString(v.head(r))
	table := terminal.Table{Header: []string{"NAME", "STATE", "READY", "AGE", "INFO"}, Loose: []int{4, 0}}
	stack := r.Stack
	table.Rows = append(table.Rows, []string{
		v.Paint(terminal.Strong, stack.Name), v.state(stack), orNone(stack.Status.ReadySummary), v.age(stack.CreationTimestamp), "",
	})
	branches := v.Branches()
	for i, component := range r.Components {
		fork, below := branches.Fork, branches.Through
		if i == len(r.Components)-1 {
			fork, below = branches.Last, branches.Gap
		}
		table.Rows = append(table.Rows, v.componentRow(r, component, v.Paint(terminal.Faint, fork), bars))
		for j, set := range component.Sets {
			table.Rows = append(table.Rows, v.setRows(r, set, below, j == len(component.Sets)-1)...)
		}
	}
	out.WriteString(v.Table(table))
	for _, words := range r.DeniedMessages {
		out.WriteString(v.Wrap("", v.Paint(terminal.Busy, "not shown: "+words)) + "\n")
	}
	for _, words := range warnings(r) {
		out.WriteString(v.Wrap("", v.Paint(terminal.Busy, "warning: "+words)) + "\n")
	}
	if failure := stack.Status.Failure; failure != nil {
		out.WriteString("\n" + v.FailureReport(failure))
	}
	return out.String()
}

// head returns the summary above the tree.
func (v View) head(r release.Release) string {
	stack := r.Stack
	var out strings.Builder
	out.WriteString(v.Wrap("", v.state(stack)+": "+message(stack)) + "\n")
	line := func(name, value string) {
		if value != "" {
			out.WriteString(v.Fit(fmt.Sprintf("%-10s %s", name, value)) + "\n")
		}
	}
	line("Namespace", stack.Namespace)
	line("Revision", v.revisions(r))
	line("Image", v.image(mainImage(stack)))
	line("Config", config(r.Find(stack.Status.Revision)))
	line("Address", stack.Status.Address)
	out.WriteString("\n")
	return out.String()
}

// revisions describes which revision runs, and which one the spec requests.
func (v View) revisions(r release.Release) string {
	status := r.Stack.Status
	if status.Revision == 0 {
		return "none yet"
	}
	words := []string{fmt.Sprint(status.Revision)}
	if rollout := newest(r.Stack); rollout != nil && rollout.Outcome == v1alpha1.OutcomeProgressing {
		words[0] += " is being rolled out"
	}
	switch {
	case status.LastGoodRevision == status.Revision:
		words = append(words, "last good")
	case status.LastGoodRevision != 0:
		words = append(words, fmt.Sprintf("last good is %d", status.LastGoodRevision))
	default:
		words = append(words, "no good revision yet")
	}
	if r.RollbackHolds() {
		words = append(words, fmt.Sprintf("spec.rollback requests %d", r.Stack.Spec.Rollback.ToRevision))
	} else if requested := r.SpecRevision(); requested != 0 && requested != status.Revision {
		words = append(words, fmt.Sprintf("the spec requests %d", requested))
	}
	return strings.Join(words, ", ")
}

// newest returns the stack's newest rollout, or nil.
func newest(stack *v1alpha1.AppStack) *v1alpha1.RolloutStatus {
	if len(stack.Status.History) == 0 {
		return nil
	}
	return &stack.Status.History[0]
}

// mainImage returns the image of the main component, with its digest if that is known.
func mainImage(stack *v1alpha1.AppStack) string {
	for _, component := range stack.Status.Components {
		if component.Name == naming.Main && component.Image != "" {
			return component.Image
		}
	}
	return stack.Status.Image
}

func (v View) componentRow(r release.Release, component release.Component, branch string, bars bool) []string {
	row := []string{branch + component.Name, "", none, none, ""}
	var status v1alpha1.ComponentStatus
	for _, s := range r.Stack.Status.Components {
		if s.Name == component.Name {
			status = s
		}
	}
	done, desired := min(ptr.Deref(status.UpdatedReplicas, 0), ptr.Deref(status.AvailableReplicas, 0)), ptr.Deref(status.DesiredReplicas, 0)
	ready := ptr.Deref(status.ReadyReplicas, 0)
	if deployment := component.Deployment; deployment != nil { // it is more recent than the stack's status
		row[3] = v.age(deployment.CreationTimestamp)
		desired, ready = ptr.Deref(deployment.Spec.Replicas, 1), deployment.Status.ReadyReplicas
		done = min(deployment.Status.UpdatedReplicas, deployment.Status.AvailableReplicas)
		if deployment.Status.ObservedGeneration < deployment.Generation {
			done = 0
		}
	}
	row[2] = fmt.Sprintf("%d/%d", ready, desired)
	row[1] = v.Mark(terminal.Good) + " " + fmt.Sprintf("%d updated", done)
	if done < desired {
		row[1] = v.Mark(terminal.Busy) + " " + fmt.Sprintf("%d of %d updated", done, desired)
	}
	if bars {
		row[1] = fmt.Sprintf("%s %d/%d", v.Bar(done, desired), done, desired)
	}
	row[4] = v.image(status.Image)
	return row
}

func (v View) setRows(r release.Release, set release.Set, indent string, last bool) [][]string {
	branches := v.Branches()
	fork, below := branches.Fork, branches.Through
	if last {
		fork, below = branches.Last, branches.Gap
	}
	name := "revision " + fmt.Sprint(set.Revision)
	if set.Revision == 0 {
		name = "unknown revision"
	}
	state := v.Paint(terminal.Faint, "earlier")
	if set.Current {
		state = "current"
	}
	rows := [][]string{{
		v.Paint(terminal.Faint, indent+fork) + name, state, fmt.Sprintf("%d/%d", set.Ready, set.Desired), v.age(set.Created), v.outcome(r, set),
	}}
	for i := range set.Pods {
		fork := branches.Fork
		if i == len(set.Pods)-1 {
			fork = branches.Last
		}
		pod := stateOf(&set.Pods[i])
		rows = append(rows, []string{
			v.Paint(terminal.Faint, indent+below+fork) + set.Pods[i].Name, v.Mark(pod.tone) + " " + v.Paint(pod.tone, pod.word), pod.ready,
			v.age(metav1.NewTime(set.Pods[i].CreationTimestamp.Time)), pod.info(),
		})
	}
	return rows
}

// outcome describes how the rollout to the ReplicaSet's revision ended, if that is known. For an
// unknown revision it returns the ReplicaSet's name.
func (v View) outcome(r release.Release, set release.Set) string {
	status := r.Stack.Status
	switch {
	case set.Revision == 0:
		return set.Name
	case status.Failure != nil && status.Failure.Revision == set.Revision:
		return v.Paint(terminal.Bad, "failed: "+status.Failure.Reason)
	case status.LastGoodRevision == set.Revision:
		return v.Paint(terminal.Faint, "last good")
	default:
		return ""
	}
}

// orNone returns the text, or a placeholder if it is empty.
func orNone(text string) string {
	if text == "" {
		return none
	}
	return text
}
