// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package controller runs the reconcile pipeline: observe, resolve images, plan, apply, status.
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

// Requeue delays for cases in which no event triggers a reconcile.
const (
	// retryDelay applies if another attempt is likely to succeed, for example after a conflict.
	retryDelay = 200 * time.Millisecond
	// cacheDelay applies if the cache does not show the operator's last write yet. The watch event
	// normally triggers the reconcile; this is the fallback.
	cacheDelay = time.Second
	// conflictDelay is the interval for checking whether an object of someone else, or of a deleted stack,
	// still has a name that the stack needs.
	conflictDelay = 30 * time.Second
	// maxBackoff is the maximum backoff after repeated errors. Reconciles that events trigger
	// increase the backoff too, so a few seconds of errors reach it.
	maxBackoff = 15 * time.Second
)

// Time limits of a reconcile. The API server answers each request within a minute, however many
// webhooks hang, but a series of slow requests would block a worker indefinitely.
const (
	// timeout is the limit for the whole reconcile.
	timeout = 2 * time.Minute
	// actTimeout is the limit for all writes before that of the status. It leaves time to report
	// their results.
	actTimeout = 100 * time.Second
)

// +kubebuilder:rbac:groups=apps.appstack.dev,resources=appstacks,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps.appstack.dev,resources=appstacks/status,verbs=patch
// +kubebuilder:rbac:groups=apps.appstack.dev,resources=appstacks/finalizers,verbs=update
// +kubebuilder:rbac:groups=apps,resources=replicasets,verbs=get
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconciler reconciles stacks.
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

// Reconcile brings one stack a step closer to its spec. A returned error triggers a retry with
// exponential backoff, from 200 milliseconds to 15 seconds.
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
		return ctrl.Result{}, nil // the garbage collector deletes the children, by their owner references (R27)
	}
	mem := r.Memory.Of(stack)
	state, err := r.Observe.State(ctx, stack, mem)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("observing: %w", err)
	}
	if state.Stale {
		due, err := r.flush(ctx, stack, &mem.Status)
		if err != nil {
			return ctrl.Result{}, err
		}
		return ctrl.Result{RequeueAfter: model.Sooner(cacheDelay, due)}, nil // keeps its priority
	}
	r.forgetDeleted(state, mem)
	if open := r.follow(state, mem); open != nil {
		state.Observations = mem.Observations.Observe(*open, state.Children.Deployments(), r.Clock)
		r.Observe.Pods(ctx, &state, *open)
	}
	now := r.Clock.Now()
	steps, outcome, applyErr := r.act(ctx, &state, mem, now)
	if r.follow(state, mem); steps.Phase == model.PhaseProgressing {
		mem.Observations.Start()
	}
	if brief := model.Sooner(state.Answers.Briefly, steps.Brief); brief > 0 && applyErr == nil {
		return ctrl.Result{RequeueAfter: brief}, nil // this status would be outdated in a moment
	}
	next := status.Compute(status.Input{State: state, Plan: steps, Outcome: outcome, Now: now})
	r.Events.Stalled(stack, mem, next)
	report := r.write
	if passing(outcome) && applyErr == nil {
		report = r.hold
	}
	due, err := report(ctx, stack, &mem.Status, next)
	if err := errors.Join(applyErr, err); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{
		RequeueAfter: model.Sooner(wait(state, steps, outcome), due), Priority: ptr.To(int(priority(state, steps))),
	}, nil
}

// leave stops the background work for a stack that is deleted or being deleted.
func (r *Reconciler) leave(stack types.NamespacedName) {
	r.Pods.Stop(stack)
	r.Answers.Forget(stack)
}

// priority returns the priority of the next reconcile if no event triggers one. It stays high
// while a pod of a rollout is in trouble, because that may fail the rollout once it has lasted
// long enough. A rollout that has failed and stays in place is not urgent.
func priority(state model.State, plan model.Plan) queue.Priority {
	rollout := plan.Rollout
	if rollout != nil && rollout.Open() && !rollout.Failed() && slices.ContainsFunc(state.Pods.All, model.Pod.InTrouble) {
		return queue.Trouble
	}
	return queue.Change
}

// rounds is the maximum number of plans that one reconcile carries out: one records that a
// rollout failed, one starts another rollout, and one writes its children.
const rounds = 3

// act plans and applies. It adds the revisions that it writes to the state, so that a rollout
// that starts continues at once, without waiting for the cache to show its revision.
func (r *Reconciler) act(
	ctx context.Context, state *model.State, mem *memory.Stack, now time.Time,
) (model.Plan, model.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	var unanswered error
	answers := func(questions model.Questions) model.Answers {
		answers, err := r.Answers.Answer(ctx, client.ObjectKeyFromObject(state.Stack), questions)
		if unanswered = err; err != nil {
			return model.Answers{}
		}
		return answers
	}
	var done []model.Step
	current := false
	for round := 1; ; round++ {
		steps := r.Plan.Plan(state, now, answers)
		if unanswered != nil {
			steps.Problem = cmp.Or(steps.Problem, unreadable(unanswered))
			return steps, model.Outcome{Done: done, Current: current}, unanswered
		}
		outcome, err := r.Apply.Apply(ctx, state.Stack, mem, steps, current)
		current = outcome.Current
		state.Predecessor = cmp.Or(outcome.Predecessor, state.Predecessor)
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
		if open := judged(*state); open != nil { // observed before its Deployments are written, so from its start (R17)
			state.Observations = mem.Observations.Observe(*open, state.Children.Deployments(), r.Clock)
		}
	}
}

// unreadable returns the problem of ConfigMaps that the operator may not read; nil for other errors,
// which a retry may solve.
func unreadable(err error) *model.Problem {
	if !apierrors.IsForbidden(err) {
		return nil
	}
	return &model.Problem{Reason: v1alpha1.ReasonConfigUnreadable, Message: err.Error() + ": give the operator this right"}
}

// recorded reports whether the steps have changed nothing but revision records.
func recorded(done []model.Step) bool {
	return len(done) > 0 && !slices.ContainsFunc(done, func(step model.Step) bool {
		return model.RevisionOf(step) == nil
	})
}

// passing reports whether the status of this reconcile would be outdated at once: the operator
// wrote something that the cache does not show yet, and there is no problem to report.
func passing(outcome model.Outcome) bool {
	wrote := len(outcome.Done) > 0 && !recorded(outcome.Done)
	return (wrote || outcome.Behind) && outcome.Problem == nil && outcome.Predecessor == ""
}

// wait returns the time until the next reconcile; 0 if an event triggers it.
func wait(state model.State, plan model.Plan, outcome model.Outcome) time.Duration {
	switch {
	case outcome.Again:
		return retryDelay
	case outcome.Behind:
		return cacheDelay
	case outcome.Retry > 0:
		return model.Sooner(plan.Wait, outcome.Retry)
	case outcome.Problem != nil, state.Predecessor != "":
		return cmp.Or(min(plan.Wait, conflictDelay), conflictDelay)
	}
	return plan.Wait
}
