// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package sim runs whole stories of a stack on plain values: the planner's
// steps are carried out on a State, and a small Deployment controller moves
// pods a tick at a time. What happens is written down for people to read.
package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
	"github.com/appstack-dev/appstack/internal/status"
)

// World is one stack with all that belongs to it.
type World struct {
	Planner plan.Planner

	state      model.State
	now        time.Time
	pods       map[string]*replicaSets
	made       int
	transcript []string
	violations []string
}

// New is a world with nothing in it.
func New() *World {
	return &World{
		Planner: plan.Planner{Defaults: render.StandardDefaults()},
		state: model.State{
			Deployments: map[string]*appsv1.Deployment{},
			Services:    map[string]*corev1.Service{},
			Autoscalers: map[string]*autoscalingv2.HorizontalPodAutoscaler{},
			Budgets:     map[string]*policyv1.PodDisruptionBudget{},
		},
		now:  time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC),
		pods: map[string]*replicaSets{},
	}
}

// Stack is the stack as it is.
func (w *World) Stack() *v1alpha1.AppStack { return w.state.Stack }

// State is all that is observed of the stack. It is not shared with the world.
func (w *World) State() model.State {
	return model.State{
		Stack:       w.state.Stack.DeepCopy(),
		Revisions:   slices.Clone(w.state.Revisions),
		Deployments: copies(w.state.Deployments),
		Services:    copies(w.state.Services),
		Autoscalers: copies(w.state.Autoscalers),
		Budgets:     copies(w.state.Budgets),
	}
}

// Transcript is what happened, a line each.
func (w *World) Transcript() string { return strings.Join(w.transcript, "\n") + "\n" }

// Violations are the invariants that did not hold.
func (w *World) Violations() []string { return w.violations }

// Say writes a line of the user's.
func (w *World) Say(line string) { w.write("\nuser: %s", line) }

// Apply puts the stack, as kubectl apply would.
func (w *World) Apply(stack *v1alpha1.AppStack) {
	stack = stack.DeepCopy()
	stack.UID = "stack"
	stack.Generation = 1
	if w.state.Stack != nil {
		stack.Generation = w.state.Stack.Generation + 1
		stack.Status = w.state.Stack.Status
	}
	w.state.Stack = stack
}

// Settle lets the operator and the Deployment controller work until neither
// has anything to do, or for the given number of ticks.
func (w *World) Settle(ticks int) {
	for range ticks {
		w.operate()
		if !w.tick() && !w.operate() {
			return
		}
	}
}

// TellHistory writes down status.history.
func (w *World) TellHistory() {
	w.write("\nstatus.history:")
	for _, entry := range w.state.Stack.Status.History {
		w.write("  revision %d, %s, %s: %s", entry.Revision, entry.Trigger, entry.Outcome, entry.Message)
	}
}

// operate runs the operator until it has nothing to do.
func (w *World) operate() (worked bool) {
	const most = 20
	for range most {
		steps := w.Planner.Make(w.state, w.now)
		if again := w.Planner.Make(w.state, w.now); !slices.Equal(lines(steps), lines(again)) {
			w.violate("planning twice gives two plans: %v and %v", lines(steps), lines(again))
		}
		next := status.Compute(status.Input{State: w.state, Plan: steps, Now: w.now})
		w.show(next)
		todo := steps.Steps
		if steps.Move != nil {
			todo = []model.Step{*steps.Move}
		}
		for _, step := range todo {
			w.write("  %s", step)
			w.take(step)
		}
		if len(todo) == 0 {
			return worked
		}
		worked = true
	}
	w.violate("the operator does not come to rest in %d passes", most)
	return worked
}

// show writes the status where it says something new.
func (w *World) show(next v1alpha1.AppStackStatus) {
	before := summary(w.state.Stack.Status)
	w.state.Stack.Status = next
	if after := summary(next); after != before {
		w.write("%s %s", w.now.Format("04:05"), after)
	}
}

func summary(s v1alpha1.AppStackStatus) string {
	var conditions []string
	for _, condition := range s.Conditions {
		if condition.Type == v1alpha1.ConditionReady {
			conditions = append(conditions, fmt.Sprintf("Ready=%s %s: %s", condition.Status, condition.Reason, condition.Message))
			continue
		}
		conditions = append(conditions, fmt.Sprintf("%s=%s", condition.Type, condition.Status))
	}
	return fmt.Sprintf("revision %d, %s pods ready, %s", s.Revision, s.ReadySummary, strings.Join(conditions, ", "))
}

func lines(p model.Plan) []string {
	var all []string
	steps := p.Steps
	if p.Move != nil {
		steps = append([]model.Step{*p.Move}, steps...)
	}
	for _, step := range steps {
		all = append(all, step.String()+" "+step.Hash)
	}
	return all
}

// take carries out one step.
func (w *World) take(step model.Step) {
	switch step.Verb {
	case model.VerbRecord:
		rev := *step.Revision
		rev.UID = w.uid()
		w.state.Revisions = append(slices.Clone(w.state.Revisions), reread(w.Stack(), rev))
	case model.VerbAnnotate:
		w.state.Revisions = slices.Clone(w.state.Revisions)
		*revision.Find(w.state.Revisions, step.Revision.Number) = reread(w.Stack(), *step.Revision)
	case model.VerbDelete:
		w.remove(step)
	case model.VerbCreate, model.VerbUpdate:
		w.put(step)
	}
}

func (w *World) remove(step model.Step) {
	switch step.Kind {
	case model.KindDeployment:
		delete(w.state.Deployments, step.Name)
		delete(w.pods, step.Name)
	case model.KindService:
		delete(w.state.Services, step.Name)
	case model.KindAutoscaler:
		delete(w.state.Autoscalers, step.Name)
	case model.KindBudget:
		delete(w.state.Budgets, step.Name)
	case model.KindRevision:
		if w.state.Stack.Status.Revision != 0 && step.Name == fmt.Sprintf("%s-%d", w.Stack().Name, w.Stack().Status.Revision) {
			w.violate("the revision that runs is deleted: %s", step)
		}
		w.state.Revisions = slices.DeleteFunc(slices.Clone(w.state.Revisions),
			func(r model.Revision) bool { return r.Name == step.Name })
	}
}

func (w *World) put(step model.Step) {
	switch step.Kind {
	case model.KindDeployment:
		put := step.Deployment.DeepCopy()
		put.UID = w.uid()
		put.Generation = 1
		if live := w.state.Deployments[step.Name]; live != nil {
			put.UID, put.Generation, put.Status = live.UID, live.Generation, live.Status
			if put.Spec.Replicas == nil {
				put.Spec.Replicas = live.Spec.Replicas
			}
			if !equality.Semantic.DeepEqual(put.Spec, live.Spec) {
				put.Generation++
			}
		}
		if put.Spec.Replicas == nil {
			put.Spec.Replicas = step.Initial
		}
		w.state.Deployments[step.Name] = put
	case model.KindService:
		putConfig(w, w.state.Services, step, &corev1.Service{})
	case model.KindAutoscaler:
		putConfig(w, w.state.Autoscalers, step, &autoscalingv2.HorizontalPodAutoscaler{})
	case model.KindBudget:
		putConfig(w, w.state.Budgets, step, &policyv1.PodDisruptionBudget{})
	}
}

func putConfig[T metav1.Object](w *World, into map[string]T, step model.Step, object T) {
	roundTrip(step.Config, object)
	object.SetUID(w.uid())
	if live, found := into[step.Name]; found {
		object.SetUID(live.GetUID())
	}
	into[step.Name] = object
}

// reread is the revision as it comes back from its record.
func reread(stack *v1alpha1.AppStack, rev model.Revision) model.Revision {
	stored, err := revision.Encode(stack, rev)
	if err != nil {
		panic(err)
	}
	read, err := revision.Decode(stored)
	if err != nil {
		panic(err)
	}
	return read
}

func roundTrip(from, to any) {
	raw, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(raw, to)
	}
	if err != nil {
		panic(err)
	}
}

func (w *World) uid() types.UID {
	w.made++
	return types.UID(fmt.Sprintf("uid-%d", w.made))
}

func (w *World) write(format string, args ...any) {
	w.transcript = append(w.transcript, fmt.Sprintf(format, args...))
}

func (w *World) violate(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
	w.write("  VIOLATED: "+format, args...)
}

func copies[T interface{ DeepCopy() T }](m map[string]T) map[string]T {
	out := map[string]T{}
	for name, object := range m {
		out[name] = object.DeepCopy()
	}
	return out
}

func names[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
