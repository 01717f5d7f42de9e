// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package sim runs whole stories of a stack on plain values: the planner's
// steps are carried out on a State, and a small Deployment controller moves
// pods a tick at a time. What happens is written down for people to read.
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

// World is one stack with all that belongs to it.
type World struct {
	Planner plan.Planner
	// Quota is how many pods are allowed, and Room how many the nodes take; any number where negative.
	Quota, Room int
	// Refuses is what the API server says to a write, which it takes where that is empty.
	Refuses func(model.Step) string
	// Admit is the cluster's admission control: it changes Deployments that are written. None where it is nil.
	Admit func(*appsv1.Deployment)
	// Registry is asked for the stack's images; nobody asks where it is nil.
	Registry *Registry
	// Planned is told of each plan that the operator makes, when what users see of it is written, and of
	// when the next look is due: zero where none is as long as nothing changes. Nobody is told where it is nil.
	Planned func(plan model.Plan, due time.Time)
	// Shuffle puts names into the order in which something happens to them. The default is theirs.
	Shuffle func([]string)

	// broken are images by the word that they behave by meanwhile.
	broken map[string]string

	// managers are those that changed an object last, by its name, besides the operator.
	managers map[string]string

	state    model.State
	now      time.Time
	pods     map[string]*replicaSets
	made     int
	podsMade int
	timeline []model.Rollout
	// phase was that of the rollout of that sequence in the last pass.
	phase    model.Phase
	sequence int64
	resolver resolver
	sight    memory.Sight
	// gone is when a pod was last gone.
	gone time.Time
	// recorded are the contents of all revisions that ever were, by number.
	recorded map[int64]model.Content
	// templates are the hashes of their components' pod templates, by component and number.
	templates map[string]string
	// changed says that something happened that the operator did not see yet, and
	// due when it wants to look though nothing does.
	changed bool
	due     time.Time

	transcript []string
	violations []string
}

// New is a world with nothing in it.
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

// Stack is the stack as it is.
func (w *World) Stack() *v1alpha1.AppStack { return w.state.Stack }

// State is all that is observed of the stack. It is not shared with the world.
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

// Sight is what the operator has seen of the open rollout.
func (w *World) Sight() model.Sight { return w.state.Sight }

func (w *World) answers() model.Answers {
	copied := w.state.Answers
	copied.Images = maps.Clone(copied.Images)
	return copied
}

// Break has new pods, and containers that start anew, of an image behave as one
// whose name has the word.
func (w *World) Break(image, word string) { w.broken[image] = word }

// Mend undoes Break: containers that wait start.
func (w *World) Mend(image string) { delete(w.broken, image) }

// Kill ends the first ready pod of a Deployment, as a lost node would.
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

// Pods tells of the pods of each Deployment, a line each.
func (w *World) Pods() []string {
	var lines []string
	for _, name := range names(w.pods) {
		lines = append(lines, fmt.Sprintf("%s: %s", name, w.pods[name]))
	}
	return lines
}

// Now is the time.
func (w *World) Now() time.Time { return w.now }

// Since is how long ago a time is.
func (w *World) Since(then time.Time) time.Duration { return w.now.Sub(then) }

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
	stack.CreationTimestamp = metav1.NewTime(w.now)
	if w.state.Stack != nil {
		stack.Generation = w.state.Stack.Generation + 1
		stack.CreationTimestamp = w.state.Stack.CreationTimestamp
		stack.Status = w.state.Stack.Status
	}
	w.state.Stack = stack
	w.changed = true
}

// Settle lets the operator and the Deployment controller work until neither
// has anything to do, or for the given number of seconds.
func (w *World) Settle(seconds int) {
	for range seconds {
		if w.step(); w.AtRest() {
			return
		}
	}
}

// Wait lets so many seconds pass, whether or not anything happens in them.
func (w *World) Wait(seconds int) {
	for range seconds {
		w.step()
	}
}

// step lets a second pass. The operator looks when something changed, and when
// its last plan said that it is time to.
func (w *World) step() {
	w.operate()
	w.changed = w.tick() || w.changed
	w.operate()
}

// AtRest says whether nothing will happen by itself: no plan has anything to do
// or to wait for, and no pod is about to change.
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

// Idle says whether the operator has nothing to do as things stand.
func (w *World) Idle() bool {
	plan := w.plan()
	return plan.Start == nil && len(plan.Steps) == 0
}

// Tick lets a second pass without the operator.
func (w *World) Tick() { w.changed = w.tick() || w.changed }

// TellHistory writes down status.history and status.failure.
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
