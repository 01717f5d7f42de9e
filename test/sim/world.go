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
	// Quota is how many pods are allowed, and Room how many the nodes take; any number where negative.
	Quota, Room int
	// Refuses is what the API server says to a write, which it takes where that is empty.
	Refuses func(model.Step) string
	// Shuffle puts names into the order in which something happens to them. The default is theirs.
	Shuffle func([]string)

	// broken are images by the word that they behave by meanwhile.
	broken map[string]string

	state    model.State
	now      time.Time
	pods     map[string]*replicaSets
	made     int
	podsMade int
	timeline []model.Rollout
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
		state: model.State{
			Deployments: map[string]*appsv1.Deployment{},
			Services:    map[string]*corev1.Service{},
			Autoscalers: map[string]*autoscalingv2.HorizontalPodAutoscaler{},
			Budgets:     map[string]*policyv1.PodDisruptionBudget{},
		},
		Quota: -1,
		Room:  -1,
		now:   time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC),
		pods:  map[string]*replicaSets{},

		broken: map[string]string{},
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
		Refused:     maps.Clone(w.state.Refused),
		Pods:        model.Pods{Known: w.state.Pods.Known, All: slices.Clone(w.state.Pods.All)},
	}
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
		lost := w.state.Deployments[deployment].DeepCopy()
		lost.Status = w.pods[deployment].status(lost, w.now)
		lost.Status.Conditions = w.state.Deployments[deployment].Status.Conditions
		w.state.Deployments[deployment] = lost
		w.look()
		w.changed = true
		return
	}
}

// Now is the time.
func (w *World) Now() time.Time { return w.now }

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
	plan := w.Planner.Make(w.state, w.now)
	if plan.Move != nil || len(plan.Steps) > 0 || plan.Wait > 0 {
		return false
	}
	for _, name := range names(w.pods) {
		if slices.ContainsFunc(w.pods[name].each(), (*pod).restless) {
			return false
		}
	}
	return true
}

// Idle says whether the operator has nothing to do as things stand.
func (w *World) Idle() bool {
	plan := w.Planner.Make(w.state, w.now)
	return plan.Move == nil && len(plan.Steps) == 0
}

// Tick lets a second pass without the operator.
func (w *World) Tick() { w.changed = w.tick() || w.changed }

// OperateAndDie runs the operator for so many writes, after which it is gone.
func (w *World) OperateAndDie(writes int) {
	w.changed = true // another one looks at everything when it starts
	for range most {
		todo := w.pass()
		for _, step := range todo {
			if writes == 0 {
				return
			}
			writes--
			w.take(step)
		}
		if len(todo) == 0 {
			return
		}
	}
}

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

// most is how many passes of the operator can follow each other for a reason.
const most = 20

// operate runs the operator until it has nothing to do, if there is a reason to look.
func (w *World) operate() {
	if !w.changed && (w.due.IsZero() || w.now.Before(w.due)) {
		return
	}
	w.changed = false
	for range most {
		todo := w.pass()
		for _, step := range todo {
			w.take(step)
		}
		if len(todo) == 0 {
			return
		}
	}
	w.violate("the operator does not come to rest in %d passes", most)
}

// pass is a pass of the operator: it writes the status, and is what is to be taken.
func (w *World) pass() []model.Step {
	plan := w.Planner.Make(w.state, w.now)
	if again := w.Planner.Make(w.state, w.now); !slices.Equal(lines(plan), lines(again)) {
		w.violate("planning twice gives two plans: %v and %v", lines(plan), lines(again))
	}
	w.due = time.Time{}
	if plan.Wait > 0 {
		w.due = w.now.Add(plan.Wait)
	}
	w.show(status.Compute(status.Input{State: w.state, Plan: plan, Now: w.now}))
	if plan.Move != nil {
		return []model.Step{*plan.Move}
	}
	return slices.DeleteFunc(slices.Clone(plan.Steps), func(step model.Step) bool {
		_, refused := w.state.Refusal(step) // it is tried again only later
		return refused && w.refusal(step) != ""
	})
}

func (w *World) refusal(step model.Step) string {
	if w.Refuses == nil {
		return ""
	}
	return w.Refuses(step)
}

func (w *World) order(names []string) []string {
	if w.Shuffle != nil {
		w.Shuffle(names)
	}
	return names
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
	w.write("  %s", step)
	target := model.Target{Kind: step.Kind, Name: step.Name}
	if message := w.refusal(step); message != "" {
		w.write("    refused: %s", message)
		w.state.Refused = map[model.Target]model.Refusal{target: {Asked: step.Hash, Message: message, At: w.now}}
		return
	}
	delete(w.state.Refused, target)
	w.expectHarmless(step)
	defer w.expectHistoryGrows()
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
			w.expectNotScaledDown(live, put)
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
