// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
	"github.com/appstack-dev/appstack/internal/status"
)

// OperateAndDie runs the operator for so many writes, after which it is gone.
func (w *World) OperateAndDie(writes int) {
	w.changed = true // another one looks at everything when it starts
	defer func() {
		w.resolver, w.state.Accepted = resolver{}, nil // what it knew of images, and of its writes, was in its memory
		w.sights.Forget(client.ObjectKeyFromObject(w.Stack()))
	}()
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
			w.expectReached()
			return
		}
	}
	w.violate("the operator does not come to rest in %d passes", most)
}

// pass is a pass of the operator: it writes the status, and is what is to be taken.
func (w *World) pass() []model.Step {
	w.lookUp()
	plan := w.plan()
	if again := w.Planner.Make(w.state, w.now); !slices.Equal(lines(plan), lines(again)) {
		w.violate("planning twice gives two plans: %v and %v", lines(plan), lines(again))
	}
	w.due = time.Time{}
	if plan.Wait > 0 {
		w.due = w.now.Add(plan.Wait)
	}
	if brief := w.state.Images.Briefly; brief > 0 {
		w.due = w.now.Add(brief) // a status would be another one at once
	} else {
		w.show(status.Compute(status.Input{State: w.state, Plan: plan, Now: w.now}))
	}
	if plan.Settled() {
		clear(w.state.Refused)
	}
	if plan.Move != nil {
		return []model.Step{*plan.Move}
	}
	return slices.DeleteFunc(slices.Clone(plan.Steps), func(step model.Step) bool {
		_, refused := w.state.Refusal(step) // what the plan asks for at once is tried again only later
		return refused && w.refusal(step) != ""
	})
}

// plan is that of the operator, with what it has seen of an open rollout.
func (w *World) plan() model.Plan {
	stack, timeline := client.ObjectKeyFromObject(w.Stack()), revision.Timeline(w.state.Revisions)
	w.state.Sight = model.Sight{}
	if len(timeline) == 0 || !timeline[0].Open() || w.Stack().Spec.Paused {
		w.sights.Forget(stack)
	} else {
		w.state.Sight = w.sights.Look(stack, timeline[0], w.state.Deployments, w)
	}
	return w.Planner.Make(w.state, w.now)
}

func (w *World) refusal(step model.Step) string {
	if w.Refuses == nil {
		return ""
	}
	return w.Refuses(step)
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
	step = w.attributed(step)
	w.write("  %s", step)
	target := step.Target()
	if message := w.refusal(step); message != "" {
		w.write("    refused: %s", message)
		refusal, _ := model.Refusal{
			Asked: step.Hash, Basis: step.Basis, Message: message, At: w.now,
			Problem: model.Problem{Reason: v1alpha1.ReasonRejected, Message: "the API server refuses it: " + message},
		}.After(w.state.Refused[target])
		if w.state.Refused == nil {
			w.state.Refused = map[model.Target]model.Refusal{}
		}
		w.state.Refused[target] = refusal
		return
	}
	delete(w.state.Refused, target)
	w.expectHarmless(step)
	w.expectAsked(step)
	defer w.expectHistoryGrows()
	defer w.expectSameContent()
	switch step.Verb {
	case model.VerbRecord:
		rev := *step.Revision
		rev.UID = w.uid()
		w.expectNew(rev)
		w.tellImages(rev)
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
		w.expectRecorded(put)
		w.admit(put)
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
		w.note(step, present(w.state.Deployments, step.Name), put)
		w.state.Deployments[step.Name] = put
	case model.KindService:
		before := w.state.Services[step.Name]
		putConfig(w, w.state.Services, step, &corev1.Service{})
		w.expectNamesKept(before, w.state.Services[step.Name])
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
	w.note(step, present(into, step.Name), object)
	into[step.Name] = object
}

// present is the object of the name, or nil.
func present[T metav1.Object](objects map[string]T, name string) metav1.Object {
	if object, found := objects[name]; found {
		return object
	}
	return nil
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
