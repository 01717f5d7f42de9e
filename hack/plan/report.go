// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/test/sim"
)

// report prints plans as they are created.
type report struct {
	out   io.Writer
	world *sim.World
	// most is the maximum number of printed plans, and plans the number of plans so far.
	most, plans int
}

// plan prints a plan and the resulting status.
func (r *report) plan(plan model.Plan, due time.Time) {
	if r.plans++; r.plans > r.most {
		return
	}
	fmt.Fprintf(r.out, "\nplan %d at %s\n", r.plans, clock(r.world.Now()))
	for _, pods := range r.world.Pods() {
		r.line("pods", pods)
	}
	r.line("rollout", rollout(plan))
	r.line("looks up", plan.LooksUp)
	r.steps(plan)
	if plan.Held {
		r.line("held", "spec.paused holds the rollout up")
	}
	r.line("waits for", plan.Waits)
	if problem := plan.Problem; problem != nil {
		r.line("problem", problem.Reason+": "+problem.Message)
	}
	r.line("next look", r.next(plan, due))
	r.line("Ready", ready(r.world.Stack()))
}

// steps prints the start of a rollout with its dry runs, and the steps. If a rollout starts, the
// operator carries out the steps only if the start is rejected.
func (r *report) steps(plan model.Plan) {
	label := "step"
	if start := plan.Start; start != nil {
		r.step("start", *start)
		tried := map[model.Target]bool{}
		for _, write := range start.DryRuns {
			text := fmt.Sprintf("%s %s %s", write.Verb(), write.Kind, write.Name)
			if tried[write.Target()] {
				text += ", as it is to be after the rollout"
			}
			tried[write.Target()] = true
			r.line("dry run", text)
		}
		label = "if refused"
	}
	for _, step := range plan.Steps {
		r.step(label, step)
	}
	if plan.Start == nil && len(plan.Steps) == 0 {
		r.line(label, "none")
	}
}

func (r *report) step(label string, step model.Step) {
	object, why, event := step.Object(), step.About(), ""
	if why.Event != "" {
		event = " (event " + why.Event + ")"
	}
	r.line(label, fmt.Sprintf("%s %s %s%s: %s", step.Verb(), object.Kind, object.Name, event, why.Reason))
}

// line prints a value with its label; it omits empty values.
func (r *report) line(label, value string) {
	if value = strings.TrimSpace(value); value != "" {
		fmt.Fprintf(r.out, "  %-10s  %s\n", label, strings.ReplaceAll(value, "\n", "\n"+strings.Repeat(" ", 14)))
	}
}

// rollout describes the newest rollout and its phase; empty before the first.
func rollout(plan model.Plan) string {
	newest := plan.Rollout
	if newest == nil {
		return ""
	}
	text := fmt.Sprintf("to revision %d (%s): %s", newest.Revision, newest.Trigger, plan.Phase)
	if newest.Open() && newest.Failure != nil {
		text += ", with a failure: " + newest.Failure.Reason
	}
	return text
}

// next describes when the operator reconciles next.
func (r *report) next(plan model.Plan, due time.Time) string {
	next := "when something changes"
	if plan.Start != nil || len(plan.Steps) > 0 {
		next = "when this is done"
	}
	if !due.IsZero() {
		next += fmt.Sprintf(", or at %s (in %s)", clock(due), r.world.Since(due).Abs())
	}
	return next
}

// ready returns the condition Ready as users see it.
func ready(stack *v1alpha1.AppStack) string {
	condition := meta.FindStatusCondition(stack.Status.Conditions, v1alpha1.ConditionReady)
	if condition == nil {
		return "not said yet"
	}
	return fmt.Sprintf("%s %s: %s", condition.Status, condition.Reason, condition.Message)
}

func clock(at time.Time) string { return at.Format(time.TimeOnly) }
