// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"context"
	"fmt"
	"strings"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// Conditions lists stacks for metrics. The items have only their conditions' type, status and
// reason, so that no stack has to be unpacked.
type Conditions struct{ *Cache }

// List implements client.Reader.
func (c Conditions) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	stacks, ok := list.(*v1alpha1.AppStackList)
	if !ok {
		return fmt.Errorf("a %T has no conditions of stacks", list)
	}
	if !c.synced() {
		return errNotFilled
	}
	c.entries.mu.Lock()
	defer c.entries.mu.Unlock()
	known := map[unique.Handle[string]][]metav1.Condition{}
	for _, entry := range c.entries.byStack {
		if entry.conditions == (unique.Handle[string]{}) {
			continue
		}
		conditions, found := known[entry.conditions]
		if !found {
			conditions = conditionsFrom(entry.conditions.Value())
			known[entry.conditions] = conditions
		}
		stacks.Items = append(stacks.Items, v1alpha1.AppStack{Status: v1alpha1.AppStackStatus{Conditions: conditions}})
	}
	return nil
}

// conditionsOf encodes the stack's conditions, one per line. Interning the text saves memory,
// because few texts are distinct.
func conditionsOf(stack *v1alpha1.AppStack) unique.Handle[string] {
	var text strings.Builder
	for _, condition := range stack.Status.Conditions {
		fmt.Fprintf(&text, "%s %s %s\n", condition.Type, condition.Status, condition.Reason)
	}
	return unique.Make(text.String())
}

// conditionsFrom is the reverse of conditionsOf.
func conditionsFrom(text string) []metav1.Condition {
	var conditions []metav1.Condition
	for line := range strings.Lines(text) {
		if word := strings.Fields(line); len(word) == 3 {
			conditions = append(conditions,
				metav1.Condition{Type: word[0], Status: metav1.ConditionStatus(word[1]), Reason: word[2]})
		}
	}
	return conditions
}
