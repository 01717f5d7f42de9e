// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/terminal"
)

// List returns a table with a row for each stack, in the order of Sorted.
func (v View) List(stacks []v1alpha1.AppStack, namespaces bool) string {
	table := terminal.Table{
		Header: []string{"NAME", "STATE", "REVISION", "READY", "AGE", "IMAGE"}, Loose: []int{5, 0},
	}
	if v.Wide {
		table.Header = append(table.Header, "ADDRESS", "FAILED", "MESSAGE")
	}
	if namespaces {
		table.Header = append([]string{"NAMESPACE"}, table.Header...)
		table.Loose = []int{6, 1}
	}
	for _, stack := range Sorted(stacks) {
		status := stack.Status
		row := []string{
			stack.Name, v.state(&stack), number(status.Revision), orNone(status.ReadySummary), v.age(stack.CreationTimestamp),
			orNone(v.image(mainImage(&stack))),
		}
		if v.Wide {
			failed := int64(0)
			if status.Failure != nil {
				failed = status.Failure.Revision
			}
			row = append(row, orNone(status.Address), number(failed), message(&stack))
		}
		if namespaces {
			row = append([]string{stack.Namespace}, row...)
		}
		table.Rows = append(table.Rows, row)
	}
	return v.Table(table)
}

// Sorted returns the stacks sorted by urgency: those that need attention, those in progress, then
// those that are fine; within these by namespace and name.
func Sorted(stacks []v1alpha1.AppStack) []v1alpha1.AppStack {
	urgency := map[terminal.Tone]int{terminal.Bad: 0, terminal.Busy: 1, terminal.Good: 2}
	return slices.SortedFunc(slices.Values(stacks), func(a, b v1alpha1.AppStack) int {
		return cmp.Or(
			cmp.Compare(urgency[tone(&a)], urgency[tone(&b)]),
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name),
		)
	})
}

func number(n int64) string {
	if n == 0 {
		return none
	}
	return fmt.Sprint(n)
}
