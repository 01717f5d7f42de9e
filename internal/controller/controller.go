// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package controller runs the pipeline: observe, look images up, plan, apply, status.
package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/apply"
	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/observe"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/podwatch"
	"github.com/appstack-dev/appstack/internal/queue"
	"github.com/appstack-dev/appstack/internal/revision"
	"github.com/appstack-dev/appstack/internal/status"
	"github.com/appstack-dev/appstack/internal/telemetry"
)

// How long until a stack is looked at again where no event will tell.
const (
	// soon is for what another look may find otherwise.
	soon = 200 * time.Millisecond
	// behind is for a cache that does not show yet what was written. What it shows
	// next brings a pass; this is for where nothing comes.
	behind = time.Second
	// later is for an object in the way, which may be gone by then.
	later = 30 * time.Second
	// longest is for what has failed again and again. Passes that events bring
	// make it longer too, so a few seconds of trouble lead to it.
	longest = 15 * time.Second
)

// How long a reconcile may take. The API server answers each request within a
// minute, however many webhooks hang; but one after the other they would hold a
// worker for as long as they like.
const (
	// timeout is for all of it.
	timeout = 2 * time.Minute
	// actTimeout is for all writes but that of the status, which reports what came of them.
	actTimeout = 100 * time.Second
)

// +kubebuilder:rbac:groups=apps.appstack.dev,resources=appstacks,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps.appstack.dev,resources=appstacks/status,verbs=patch
// +kubebuilder:rbac:groups=apps.appstack.dev,resources=appstacks/finalizers,verbs=update
// +kubebuilder:rbac:groups=apps,resources=replicasets,verbs=get
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconciler makes what runs follow the stacks.
type Reconciler struct {
	Client  client.Client
	Observe *observe.Observer
	Answers Answers
	Plan    plan.Planner
	Apply   *apply.Applier
	Events  *telemetry.Events
	Metrics *telemetry.Metrics
	Pods    *podwatch.Watcher
	Memory  *memory.Memory
	Clock   clock.PassiveClock
}

// Answers finds out what plans ask, beside the reconcile.
type Answers interface {
	// Look is what is known by now of what is asked for the stack. What is not known yet
	// is found out; that brings another reconcile.
	Look(ctx context.Context, stack types.NamespacedName, questions model.Questions) model.Answers
	// Forget ends what is done for the stack.
	Forget(stack types.NamespacedName)
}

var _ Answers = &image.Resolver{}

// Reconcile brings one stack a step closer to its spec.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	stack := &v1alpha1.AppStack{}
	if err := r.Client.Get(ctx, req.NamespacedName, stack); err != nil {
		if apierrors.IsNotFound(err) {
			r.leave(req.NamespacedName)
			r.Memory.Forget(req.NamespacedName)
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, fmt.Errorf("reading the stack: %w", err)
	}
	if !stack.DeletionTimestamp.IsZero() {
		r.leave(req.NamespacedName)
		return ctrl.Result{}, nil // owner references do the rest (R27)
	}
	mem := r.Memory.Of(stack)
	state, err := r.Observe.State(ctx, stack, mem)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("observing: %w", err)
	}
	if state.Stale {
		due, err := r.release(ctx, stack, &mem.Status)
		if err != nil {
			return ctrl.Result{}, err
		}
		return ctrl.Result{RequeueAfter: model.Sooner(behind, due)}, nil // as pressing as it was
	}
	r.see(state, mem)
	if open := r.follow(state, mem); open != nil {
		state.Sight = mem.Sight.Look(*open, state.Children.Deployments(), r.Clock)
		r.Observe.Pods(ctx, &state, *open)
	}
	now := r.Clock.Now()
	steps, outcome, applyErr := r.act(ctx, &state, mem, now)
	if r.follow(state, mem); steps.Phase == model.PhaseProgressing {
		mem.Sight.Start()
	}
	if state.Answers.Briefly > 0 && applyErr == nil {
		return ctrl.Result{RequeueAfter: state.Answers.Briefly}, nil // a status that would be another one at once
	}
	next := status.Compute(status.Input{State: state, Plan: steps, Outcome: outcome, Now: now})
	r.Events.Stalled(stack, mem, next)
	tell := r.write
	if passing(outcome) && applyErr == nil {
		tell = r.hold
	}
	due, err := tell(ctx, stack, &mem.Status, next)
	if err := errors.Join(applyErr, err); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{
		RequeueAfter: model.Sooner(wait(state, steps, outcome), due), Priority: ptr.To(int(priority(state, steps))),
	}, nil
}

// leave ends what is done beside the reconcile for a stack that is gone, or about to go.
func (r *Reconciler) leave(stack types.NamespacedName) {
	r.Pods.Stop(stack)
	r.Answers.Forget(stack)
}

// priority is that of the next reconcile where no event brings it. What a rollout may
// fail of once it has lasted for a while is as pressing then as what it fails of at
// once. One that has failed, and is left as it is, waits for nothing.
func priority(state model.State, plan model.Plan) queue.Priority {
	rollout := plan.Rollout
	if rollout != nil && rollout.Open() && !rollout.Failed() && slices.ContainsFunc(state.Pods.All, model.Pod.InTrouble) {
		return queue.Trouble
	}
	return queue.Change
}

// rounds is how many plans a pass carries out at most: that a rollout failed, that
// another begins, and what it consists of.
const rounds = 3

// act plans and applies. What it records of revisions, it knows: a rollout that
// begins goes on at once, and does not wait until the cache shows its record.
func (r *Reconciler) act(
	ctx context.Context, state *model.State, mem *memory.Stack, now time.Time,
) (model.Plan, model.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	answers := func(questions model.Questions) model.Answers {
		return r.Answers.Look(ctx, client.ObjectKeyFromObject(state.Stack), questions)
	}
	var done []model.Step
	current := false
	for round := 1; ; round++ {
		steps := r.Plan.Plan(state, now, answers)
		outcome, err := r.Apply.Apply(ctx, state.Stack, mem, steps, current)
		current = outcome.Current
		for _, step := range outcome.Done {
			r.Events.Took(state.Stack, step)
			r.Metrics.Took(step, now)
		}
		over := err != nil || outcome.Problem != nil || outcome.Again || round == rounds || !recorded(outcome.Done)
		made := outcome.Done
		done = append(done, made...)
		if outcome.Done = done; over {
			return steps, outcome, err
		}
		for _, step := range made {
			state.Revisions = revision.With(state.Revisions, *model.RevisionOf(step))
		}
	}
}

// recorded says whether what was done is only that revisions have other records.
func recorded(done []model.Step) bool {
	return len(done) > 0 && !slices.ContainsFunc(done, func(step model.Step) bool {
		return model.RevisionOf(step) == nil
	})
}

// passing says whether the next pass sees more than this one: what was written
// is about to show in the cache, and nothing stood in the way.
func passing(outcome model.Outcome) bool {
	wrote := len(outcome.Done) > 0 && !recorded(outcome.Done)
	return (wrote || outcome.Behind) && outcome.Problem == nil && outcome.Predecessor == ""
}

// wait is the time until the next pass, 0 where an event brings it.
func wait(state model.State, plan model.Plan, outcome model.Outcome) time.Duration {
	switch {
	case outcome.Again:
		return soon
	case outcome.Behind:
		return behind
	case outcome.Retry > 0:
		return model.Sooner(plan.Wait, outcome.Retry)
	case outcome.Problem != nil, outcome.Predecessor != "", state.Predecessor != "":
		return cmp.Or(min(plan.Wait, later), later)
	}
	return plan.Wait
}
