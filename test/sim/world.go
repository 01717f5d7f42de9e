// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package sim simulates the life of a stack without a cluster. It carries out the planner's steps
// on a model.State, and a small Deployment controller changes pods once per simulated second. A
// transcript records what happens.
package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/render"
)

// World is one stack with its objects, the operator and the cluster around it.
type World struct {
	Planner plan.Planner
	// Quota is how many pods the quota allows, and Room how many fit on the nodes; negative is
	// unlimited.
	Quota, Room int
	// Refuses returns the API server's error for a write; empty if it accepts the write.
	Refuses func(model.Step) string
	// Admit is the cluster's mutating admission control for Deployments; nil for none.
	Admit func(*appsv1.Deployment)
	// Registry resolves the stack's images; nil if they are not resolved.
	Registry *Registry
	// Planned is called with each plan, after its status is shown, and with the time of the next
	// reconcile, which is zero if only a change triggers one. It may be nil.
	Planned func(plan model.Plan, due time.Time)
	// Shuffle changes the order in which Deployments are processed. The default is by name.
	Shuffle func([]string)

	// broken maps images to their words from Break.
	broken map[string]string

	// managers are the field managers other than the operator that last changed an object, by its
	// name.
	managers map[string]string

	state    model.State
	now      time.Time
	pods     map[string]*replicaSets
	made     int
	podsMade int
	timeline []model.Rollout
	// phase is the rollout's phase in the last reconcile, and sequence the rollout's sequence
	// number.
	phase    model.Phase
	sequence int64
	resolver resolver
	// config is nil if the operator does not handle config.
	config       *config
	configTimes  memory.Config
	secrets      secrets
	observations memory.Observations
	// gone is when a pod last disappeared.
	gone time.Time
	// recorded has the contents of all revisions that ever existed, by number.
	recorded map[int64]model.Content
	// templates has the hashes of their pod templates, by component and number.
	templates map[string]string
	// changed reports whether the operator has not reconciled the latest change, and due is when it
	// reconciles without one.
	changed bool
	due     time.Time

	transcript []string
	violations []string
}

// New returns an empty world.
func New() *World {
	return &World{
		Planner: plan.Planner{Defaults: render.StandardDefaults()},
		state:   model.State{Children: model.Children{}},
		Quota:   -1,
		Room:    -1,
		now:     time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC),
		pods:    map[string]*replicaSets{},

		broken:   map[string]string{},
		managers: map[string]string{},
		recorded: map[int64]model.Content{}, templates: map[string]string{},
	}
}

// Stack returns the live stack.
func (w *World) Stack() *v1alpha1.AppStack { return w.state.Stack }

// State returns a copy of the observed state.
func (w *World) State() model.State {
	return model.State{
		Stack:      w.state.Stack.DeepCopy(),
		Revisions:  slices.Clone(w.state.Revisions),
		Children:   copies(w.state.Children),
		LastWrites: maps.Clone(w.state.LastWrites),
		Rejected:   maps.Clone(w.state.Rejected),
		Pods:       model.Pods{Known: w.state.Pods.Known, Gone: w.gone, All: slices.Clone(w.state.Pods.All)},
		Answers:    w.answers(),
	}
}

// Observations returns what the operator has observed of the open rollout.
func (w *World) Observations() model.Observations { return w.state.Observations }

func (w *World) answers() model.Answers {
	copied := w.state.Answers
	copied.Images = maps.Clone(copied.Images)
	return copied
}

// Break makes new pods and restarted containers of an image behave as if its name had the word.
func (w *World) Break(image, word string) { w.broken[image] = word }

// Mend undoes Break: waiting containers start.
func (w *World) Mend(image string) { delete(w.broken, image) }

// Kill removes the first ready pod of a Deployment, as if its node was lost.
func (w *World) Kill(deployment string) {
	for _, set := range w.pods[deployment].sets() {
		at := slices.IndexFunc(set.pods, func(p *pod) bool { return p.readySince != nil })
		if at < 0 {
			continue
		}
		w.write("%s   %s: %s is lost", w.now.Format("04:05"), deployment, set.pods[at].name)
		set.pods = slices.Delete(set.pods, at, at+1)
		lost := w.state.Children.Deployment(deployment).DeepCopy()
		lost.Status = w.pods[deployment].status(lost, w.now)
		lost.Status.Conditions = w.state.Children.Deployment(deployment).Status.Conditions
		w.state.Children.Put(model.KindDeployment, lost)
		w.look()
		w.changed = true
		return
	}
}

// Pods describes the pods of each Deployment in one line.
func (w *World) Pods() []string {
	var lines []string
	for _, name := range names(w.pods) {
		lines = append(lines, fmt.Sprintf("%s: %s", name, w.pods[name]))
	}
	return lines
}

// Now returns the simulated time.
func (w *World) Now() time.Time { return w.now }

// Since returns the simulated time that has passed since then.
func (w *World) Since(then time.Time) time.Duration { return w.now.Sub(then) }

// Transcript returns what happened, one event per line.
func (w *World) Transcript() string { return strings.Join(w.transcript, "\n") + "\n" }

// Violations returns the violated invariants.
func (w *World) Violations() []string { return w.violations }

// Say adds a line of the user to the transcript.
func (w *World) Say(line string) { w.write("\nuser: %s", line) }

// Apply creates or replaces the stack, as kubectl apply does.
func (w *World) Apply(stack *v1alpha1.AppStack) {
	stack = stack.DeepCopy()
	stack.UID = "stack"
	stack.Generation = 1
	stack.CreationTimestamp = metav1.NewTime(w.now)
	if w.state.Stack != nil {
		stack.Generation = w.state.Stack.Generation + 1
		stack.CreationTimestamp = w.state.Stack.CreationTimestamp
		stack.Status = w.state.Stack.Status
	}
	w.state.Stack = stack
	w.useFiles()
	w.changed = true
}

// Settle runs the operator and the Deployment controller until both have nothing to do, for at most
// the given number of seconds.
func (w *World) Settle(seconds int) {
	for range seconds {
		if w.step(); w.AtRest() {
			return
		}
	}
}

// Wait runs both for the given number of seconds, whether or not anything happens.
func (w *World) Wait(seconds int) {
	for range seconds {
		w.step()
	}
}

// step advances the time by a second. The operator reconciles if something changed or its last plan
// is due.
func (w *World) step() {
	w.operate()
	w.changed = w.tick() || w.changed
	w.operate()
}

// AtRest reports whether nothing changes without an external event: the plan has no steps and no
// wait, and no pod is about to change.
func (w *World) AtRest() bool {
	if w.changed || !w.due.IsZero() {
		return false
	}
	plan := w.plan()
	if plan.Start != nil || len(plan.Steps) > 0 || plan.Wait > 0 {
		return false
	}
	for _, name := range names(w.pods) {
		sets := w.pods[name]
		if slices.ContainsFunc(sets.each(), (*pod).restless) || len(sets.terminating()) > 0 ||
			!sets.refusedSince().IsZero() && !w.full() {
			return false
		}
	}
	return true
}

// Idle reports whether the current plan has no steps.
func (w *World) Idle() bool {
	plan := w.plan()
	return plan.Start == nil && len(plan.Steps) == 0
}

// Tick advances the time by a second without the operator.
func (w *World) Tick() { w.changed = w.tick() || w.changed }

// TellHistory adds status.history and status.failure to the transcript.
func (w *World) TellHistory() {
	w.write("\nstatus.history:")
	for _, entry := range w.state.Stack.Status.History {
		w.write("  revision %d, %s, %s: %s", entry.Revision, entry.Trigger, entry.Outcome, entry.Message)
	}
	if failure := w.state.Stack.Status.Failure; failure != nil {
		exit := ""
		if failure.ExitCode != nil {
			exit = fmt.Sprintf(", exit code %d", *failure.ExitCode)
		}
		w.write("\nstatus.failure: revision %d, component %q, pod %q, container %q, reason %s%s\n  %s", failure.Revision,
			failure.Component, failure.Pod, failure.Container, failure.Reason, exit, strings.ReplaceAll(failure.Message, "\n", "\n  "))
	}
}

func (w *World) order(names []string) []string {
	if w.Shuffle != nil {
		w.Shuffle(names)
	}
	return names
}

func (w *World) write(format string, args ...any) {
	w.transcript = append(w.transcript, fmt.Sprintf(format, args...))
}

func (w *World) violate(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
	w.write("  VIOLATED: "+format, args...)
}

func copies(children model.Children) model.Children {
	out := model.Children{}
	for kind, object := range kinds.Each(children) {
		out.Put(kind.Name, object.(client.Object).DeepCopyObject().(client.Object)) //nolint:forcetypeassert // all are API objects
	}
	return out
}

func names[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
