// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
)

// contest returns a problem for the first contested child: one that somebody else changes again
// after each repair. It is nil if there is none. over is the time until the first contest
// expires, if its child is not changed again.
func contest(state model.State, children []*kinds.Child, now time.Time) (first *model.Problem, over time.Duration) {
	for _, child := range children {
		if child.Live == nil {
			continue
		}
		last := state.LastWrites[child.Live.GetUID()]
		left := last.Contest(child.Write.Hash, now)
		if left == 0 {
			continue
		}
		over = model.Sooner(over, left)
		if first == nil {
			first = inWords(state.Stack, child.Write, *last.Repairs)
		}
	}
	return first, over
}

// inWords returns the problem of a contested child: the fields, who changes them, and how to
// resolve it.
func inWords(stack *v1alpha1.AppStack, step model.WriteChild, repairs model.Repairs) *model.Problem {
	remedy := ", or change the stack's spec"
	for _, field := range repairs.Fields {
		if advice := instead(stack, field); advice != "" {
			remedy = "; " + advice
			break
		}
	}
	return &model.Problem{
		Reason: v1alpha1.ReasonDriftContested,
		Message: fmt.Sprintf("%s %s: %s is changed by %s again after each repair: stop it%s", step.Kind, step.Name,
			strings.Join(repairs.Fields, ", "), cmp.Or(strings.Join(repairs.Managers, ", "), "someone else"), remedy),
	}
}
