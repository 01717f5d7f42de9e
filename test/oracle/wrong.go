// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package oracle

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/revision"
)

// Wrong returns violated invariants: objects left behind, duplicate revisions, a history out of
// order, an outdated status.
func (n Namespace) Wrong() []string {
	var wrong []string
	for _, child := range n.children() {
		if name := child.GetLabels()[naming.LabelStack]; name != "" {
			wrong = append(wrong, n.orphaned(child, name)...)
		}
	}
	for i := range n.Stacks {
		stack := &n.Stacks[i]
		wrong = append(wrong, outdated(stack)...)
		wrong = append(wrong, n.confused(stack)...)
	}
	return wrong
}

// orphaned reports a child without a stack, or with another owner.
func (n Namespace) orphaned(child client.Object, name string) []string {
	at := slices.IndexFunc(n.Stacks, func(s v1alpha1.AppStack) bool { return s.Name == name })
	if at < 0 || !metav1.IsControlledBy(child, &n.Stacks[at]) {
		return []string{fmt.Sprintf("%T %s is left behind: the stack that it names does not own it", child, child.GetName())}
	}
	return nil
}

// outdated reports a status that is not for the current generation.
func outdated(stack *v1alpha1.AppStack) []string {
	var wrong []string
	if stack.Status.ObservedGeneration != stack.Generation {
		wrong = append(wrong, fmt.Sprintf("%s: status.observedGeneration is %d of %d",
			stack.Name, stack.Status.ObservedGeneration, stack.Generation))
	}
	for _, condition := range stack.Status.Conditions {
		if condition.ObservedGeneration != stack.Generation {
			wrong = append(wrong, fmt.Sprintf("%s: the condition %s is of generation %d of %d",
				stack.Name, condition.Type, condition.ObservedGeneration, stack.Generation))
		}
	}
	return wrong
}

// confused reports what is wrong with the revisions of the stack and their history (R3, R5).
func (n Namespace) confused(stack *v1alpha1.AppStack) []string {
	var wrong []string
	var revisions []model.Revision
	for i := range n.Revisions {
		stored := &n.Revisions[i]
		if stored.Labels[naming.LabelStack] != stack.Name {
			continue
		}
		rev, err := revision.Decode(stored)
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		for _, other := range revisions {
			sameRestart := rev.Record.RestartedAt == other.Record.RestartedAt ||
				rev.Record.RestartedAt != nil && other.Record.RestartedAt != nil && rev.Record.RestartedAt.Equal(*other.Record.RestartedAt)
			if other.Number == rev.Number || other.Record.ContentHash == rev.Record.ContentHash && sameRestart {
				wrong = append(wrong, fmt.Sprintf("the revisions %s and %s are the same", other.Name, rev.Name))
			}
		}
		revisions = append(revisions, rev)
	}
	wrong = append(wrong, n.miscopied(stack, revisions)...)
	timeline := revision.Timeline(revisions)
	for i, rollout := range timeline {
		if i > 0 && rollout.Sequence >= timeline[i-1].Sequence {
			wrong = append(wrong, fmt.Sprintf("%s: rollout %d comes after rollout %d", stack.Name, timeline[i-1].Sequence, rollout.Sequence))
		}
		if i > 0 && rollout.Open() {
			wrong = append(wrong, fmt.Sprintf("%s: rollout %d is open, and %d began after it", stack.Name, rollout.Sequence, timeline[0].Sequence))
		}
	}
	return wrong
}

// miscopied reports copies of ConfigMaps that no revision of the stack names, and those that are missing
// although the running revision names them (R31).
func (n Namespace) miscopied(stack *v1alpha1.AppStack, revisions []model.Revision) []string {
	var wrong []string
	var names []string
	for i := range n.Copies {
		if n.Copies[i].Labels[naming.LabelStack] == stack.Name {
			names = append(names, n.Copies[i].Name)
		}
	}
	for _, name := range revision.UnusedCopies(names, revisions) {
		wrong = append(wrong, fmt.Sprintf("no revision names the copy %s", name))
	}
	if running := revision.Find(revisions, stack.Status.Revision); running != nil {
		for _, copied := range running.Content.Config {
			if copied.Hash != model.AbsentHash && !slices.Contains(names, copied.Name) {
				wrong = append(wrong, fmt.Sprintf("revision %d runs without its copy %s", running.Number, copied.Name))
			}
		}
	}
	return wrong
}
