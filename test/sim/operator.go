// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
	"github.com/appstack-dev/appstack/internal/status"
)

// OperateAndDie runs the operator for at most the given number of writes, and then crashes it.
func (w *World) OperateAndDie(writes int) {
	w.changed = true // a new process reconciles everything when it starts
	defer func() {
		w.resolver, w.state.LastWrites = resolver{}, nil // resolved images and last writes were only in memory
		w.observations.Forget()
		w.secrets.memory.Forget()
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

// most is the maximum number of reconciles in a row before the operator counts as never settling.
const most = 20

// operate reconciles until nothing is left to do, if something changed or the next reconcile is
// due.
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

// pass reconciles once: it writes the status, and returns the steps to carry out.
func (w *World) pass() []model.Step {
	plan := w.plan()
	w.expectTransition(plan)
	if again := w.Planner.Make(w.state, w.now); !slices.Equal(lines(plan), lines(again)) {
		w.violate("planning twice gives two plans: %v and %v", lines(plan), lines(again))
	}
	w.due = time.Time{}
	if plan.Wait > 0 {
		w.due = w.now.Add(plan.Wait)
	}
	if brief := model.Sooner(w.state.Answers.Briefly, plan.Brief); brief > 0 {
		w.due = w.now.Add(brief) // no status is written yet, because it would change at once
	} else {
		w.show(status.Compute(status.Input{State: w.state, Plan: plan, Now: w.now}))
	}
	if plan.Settled() {
		clear(w.state.Rejected)
	}
	plan.Steps = w.attributed(plan.Steps)
	if w.Planned != nil {
		w.Planned(plan, w.due)
	}
	if plan.Start != nil {
		return []model.Step{*plan.Start}
	}
	return slices.DeleteFunc(slices.Clone(plan.Steps), func(step model.Step) bool {
		_, refused := w.state.Rejection(step) // a rejected step is tried again only later
		return refused && w.refusal(step) != ""
	})
}

// plan returns the operator's plan, with what the operator has observed of an open rollout.
func (w *World) plan() model.Plan {
	timeline := revision.Timeline(w.state.Revisions)
	w.state.Observations = model.Observations{}
	if len(timeline) == 0 || !timeline[0].Open() || w.Stack().Spec.Paused {
		w.observations.Forget()
	} else {
		w.state.Observations = w.observations.Observe(timeline[0], w.state.Children.Deployments(), w)
	}
	w.state.Answers, w.state.Config, w.state.Secrets = model.Answers{}, w.observeConfig(), w.observeSecrets()
	plan := w.Planner.Plan(&w.state, w.now, w.answer)
	if plan.Phase == model.PhaseProgressing {
		w.observations.Start()
	}
	return plan
}

func (w *World) refusal(step model.Step) string {
	if w.Refuses == nil {
		return ""
	}
	return w.Refuses(step)
}

// show writes the status, and logs it if its summary changed.
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
	if p.Start != nil {
		steps = append([]model.Step{*p.Start}, steps...)
	}
	for _, step := range steps {
		all = append(all, step.String()+" "+step.Asked().Hash)
	}
	return all
}

// take carries out one step, or records its rejection.
func (w *World) take(step model.Step) {
	w.write("  %s", step)
	target := step.Target()
	if message := w.refusal(step); message != "" {
		w.write("    refused: %s", message)
		refusal, _ := model.Rejection{
			Asked: step.Asked(), Message: message, At: w.now,
			Problem: model.Problem{Reason: v1alpha1.ReasonRejected, Message: "the API server rejected it: " + message},
		}.After(w.state.Rejected[target])
		if w.state.Rejected == nil {
			w.state.Rejected = map[model.Target]model.Rejection{}
		}
		w.state.Rejected[target] = refusal
		return
	}
	delete(w.state.Rejected, target)
	w.expectHarmless(step)
	w.expectAsked(step)
	defer w.expectHistoryGrows()
	defer w.expectSameContent()
	switch step := step.(type) {
	case model.StartRollout:
		for _, copied := range step.Copies {
			w.write("    %s", copied)
			w.copyConfig(copied)
		}
		if step.Creates() {
			w.addRevision(step.Revision)
		} else {
			w.updateRevision(step.Revision)
		}
	case model.UpdateRevision:
		w.updateRevision(step.Revision)
	case model.WriteChild:
		w.put(step)
	case model.Delete:
		w.remove(step.Kind, step.Name)
	case model.CopyConfig:
		w.copyConfig(step)
	case model.AdoptCopy:
		adopted := w.config.copies[step.Name]
		adopted.Orphan = false
		w.config.copies[step.Name] = adopted
	}
}

func (w *World) addRevision(rev model.Revision) {
	rev.UID = w.uid()
	w.expectNew(rev)
	w.tellImages(rev)
	w.state.Revisions = append(slices.Clone(w.state.Revisions), reread(w.Stack(), rev))
}

func (w *World) updateRevision(rev model.Revision) {
	w.state.Revisions = slices.Clone(w.state.Revisions)
	*revision.Find(w.state.Revisions, rev.Number) = reread(w.Stack(), rev)
}

func (w *World) remove(kind model.Kind, name string) {
	switch kind {
	case model.KindRevision:
		w.state.Revisions = slices.DeleteFunc(slices.Clone(w.state.Revisions),
			func(r model.Revision) bool { return r.Name == name })
	case model.KindConfigMap:
		delete(w.config.copies, name)
	case model.KindDeployment:
		delete(w.pods, name)
		fallthrough
	default:
		w.state.Children.Remove(kind, name)
	}
}

func (w *World) put(step model.WriteChild) {
	before := w.state.Children.Find(step.Kind, step.Name)
	var object metav1.Object
	switch form := step.Form.(type) {
	case model.Replaced:
		object = w.replaced(form, w.state.Children.Deployment(step.Name))
	case model.Applied:
		object = kinds.Of(step.Kind).New()
		roundTrip(form.Config, object)
		object.SetUID(w.uid())
		if before != nil {
			object.SetUID(before.GetUID())
		}
	}
	w.note(step, before, object)
	w.state.Children.Put(step.Kind, object)
	if service, ok := before.(*corev1.Service); ok {
		w.expectNamesKept(service, w.state.Children.Service(step.Name))
	}
}

// replaced returns the Deployment as the API server stores it in place of the live one. live is nil
// if there is none.
func (w *World) replaced(form model.Replaced, live *appsv1.Deployment) *appsv1.Deployment {
	put := form.Deployment.DeepCopy()
	put.UID = w.uid()
	put.Generation = 1
	w.expectRecorded(put)
	w.admit(put)
	if live != nil {
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
		put.Spec.Replicas = form.Initial
	}
	return put
}

// reread returns the revision after it is encoded and decoded again.
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
