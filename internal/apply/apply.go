// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package apply carries out a plan. It is the only writer of children and revisions.
//
// Services, autoscalers and disruption budgets are written by server-side apply, which
// preserves the fields that others own. A Deployment is patched with its resource version as
// precondition, for two reasons. Its pod template belongs to the stack as a whole (R28), and
// server-side apply removes only fields that the applier itself has set. And a replica count
// that the spec no longer names must stay as it is, whereas server-side apply would remove it
// and the API server would default it to 1.
package apply

import (
	"context"
	"fmt"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
)

// Applier carries out plans.
type Applier struct {
	// Client writes children and revisions.
	Client client.Client
	// Live reads from the API server, not from the cache.
	Live client.Reader
	// Clock dates the API server's answers.
	Clock clock.PassiveClock
}

// execution is one call of Apply.
type execution struct {
	*Applier
	stack   *v1alpha1.AppStack
	memory  *memory.Stack
	outcome model.Outcome
	// silent reports that a write triggers no watch event: it changed nothing, or was rejected
	// for the first time.
	silent bool
}

// Apply carries out the plan: the start of a rollout or, if there is none or the API server
// rejects it, the plan's steps. Transient failures are returned as an error and worth a retry;
// terminal errors are in the outcome. Before it writes, Apply checks with a live read that the
// stack has not changed, unless current says that this reconcile has checked it already or the
// steps only record a success.
func (a *Applier) Apply(
	ctx context.Context, stack *v1alpha1.AppStack, mem *memory.Stack, plan model.Plan, current bool,
) (model.Outcome, error) {
	e := &execution{Applier: a, stack: stack, memory: mem, outcome: model.Outcome{Current: current}}
	if plan.Start == nil && len(plan.Steps) == 0 {
		mem.Names.Clear()
		if plan.Settled() {
			mem.Writes.Settled()
		}
		return e.outcome, nil
	}
	steps := slices.DeleteFunc(slices.Clone(plan.Steps), func(step model.Step) bool {
		return step.Object().Creates() && mem.Names.IsMade(step.Target(), a.Clock.Now())
	})
	e.outcome.Behind = len(steps) < len(plan.Steps)
	if plan.Start == nil && len(steps) == 0 {
		return e.outcome, nil
	}
	if plan.Start != nil {
		if err := e.start(ctx, *plan.Start); err != nil || e.outcome.Problem == nil {
			return e.outcome, err
		}
	} else if !current && !onlySettle(steps) {
		var err error
		if e.outcome.Current, err = e.current(ctx); err != nil || !e.outcome.Current {
			e.outcome.Again = err == nil
			return e.outcome, err
		}
	}
	err := e.keepUp(ctx, steps)
	e.outcome.Again = e.outcome.Again || e.silent
	return e.outcome, err
}

// onlySettle reports whether the steps do nothing but record a success.
func onlySettle(steps []model.Step) bool {
	return !slices.ContainsFunc(steps, func(step model.Step) bool {
		update, ok := step.(model.UpdateRevision)
		return !ok || !update.Settles
	})
}

// current reports whether the live stack has the UID and generation that the plan was made for.
// An outdated spec must not be applied, and the cache may lag for a long time after the operator
// starts or a watch breaks.
func (e *execution) current(ctx context.Context) (bool, error) {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AppStack"))
	if err := e.Live.Get(ctx, e.key(), live); err != nil {
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return false, fmt.Errorf("reading the stack: %w", err)
	}
	return live.UID == e.stack.UID && live.Generation == e.stack.Generation, nil
}

// start starts a rollout. It writes nothing before all dry runs have succeeded; the live stack
// and the copies that exist already are read in parallel with them.
func (e *execution) start(ctx context.Context, step model.StartRollout) error {
	var current bool
	var problem *model.Problem
	var lookErr error
	var look sync.WaitGroup
	look.Go(func() { current, problem, lookErr = e.mayStart(ctx, step) })
	rev, err := e.try(ctx, step)
	look.Wait()
	if lookErr != nil || !current {
		return e.mayNot(step, problem, lookErr)
	}
	e.outcome.Current = true
	if err != nil && ctx.Err() != nil {
		return e.sort(step, err) // no time left for further requests
	}
	if err != nil {
		// a name conflict takes precedence over the error that it causes
		if free, lookErr := e.mayWrite(ctx, step, created(step.DryRuns)); lookErr != nil || !free {
			return lookErr
		}
		return e.sort(step, err)
	}
	step.Revision = rev
	if ready, err := e.createCopies(ctx, step); err != nil || !ready {
		return err
	}
	if err := e.take(ctx, step); err != nil || len(e.outcome.Done) == 0 {
		return err
	}
	for _, write := range step.DryRuns {
		if write.Creates() && write.Kind == model.KindDeployment {
			e.memory.Names.FoundFree(write.Target(), e.Clock.Now())
		}
	}
	e.outcome.Again = e.silent
	return nil
}

// mayStart reports whether the live stack is still the one that the plan was made for, and whether the
// copies exist that the rollout start does not create. It returns a problem if one of these is no copy.
func (e *execution) mayStart(ctx context.Context, step model.StartRollout) (bool, *model.Problem, error) {
	if current, err := e.current(ctx); err != nil || !current {
		return false, nil, err
	}
	return e.hasCopies(ctx, step)
}

// mayNot records why a rollout does not start: a problem, an error, or an outdated cache.
func (e *execution) mayNot(start model.StartRollout, problem *model.Problem, err error) error {
	if problem != nil {
		e.outcome.Problem = problem
		e.remember(start, model.Rejection{Message: problem.Message, Problem: *problem})
		return nil
	}
	e.outcome.Again = err == nil
	return err
}

// mayWrite reports whether all names that the start of a rollout needs are free. It remembers a
// conflict as a rejection of the start.
func (e *execution) mayWrite(ctx context.Context, start model.StartRollout, names []model.ObjectID) (bool, error) {
	free, err := e.namesAreFree(ctx, names)
	if e.outcome.Problem != nil {
		e.remember(start, model.Rejection{Message: e.outcome.Problem.Message, Problem: *e.outcome.Problem})
	}
	return free, err
}

// keepUp carries out the steps. A rejected step does not hold up the others; but if the name of
// one new child is not free, no child is created.
func (e *execution) keepUp(ctx context.Context, steps []model.Step) error {
	free, err := e.namesAreFree(ctx, created(steps))
	if err != nil {
		return err
	}
	for _, step := range steps {
		if step.Object().Creates() && !free {
			continue
		}
		if err := e.take(ctx, step); err != nil || e.outcome.Again {
			return err
		}
	}
	return nil
}

// created returns the objects that the steps create, except copies of ConfigMaps: the name of a copy
// contains the hash of its content, and its creation detects a conflict.
func created[S model.Step](steps []S) (names []model.ObjectID) {
	for _, step := range steps {
		if object := step.Object(); object.Creates() && object.Kind != model.KindConfigMap {
			names = append(names, object)
		}
	}
	return names
}

// take carries out a step and remembers the result.
func (e *execution) take(ctx context.Context, step model.Step) error {
	if write, ok := step.(model.WriteChild); ok && write.Undone.Field != "" {
		step = e.attributed(ctx, write)
	}
	object := step.Object()
	log.FromContext(ctx).Info(step.About().Reason, "verb", step.Verb(), "kind", object.Kind, "object", object.Name)
	done, err := e.carryOut(ctx, step)
	if start, ok := step.(model.StartRollout); ok && object.Creates() && apierrors.IsAlreadyExists(err) {
		return e.numbered(ctx, start)
	}
	if err != nil || done == nil {
		return e.sort(step, err)
	}
	e.memory.Writes.Took(step.Target())
	e.outcome.Done = append(e.outcome.Done, done)
	return nil
}

// carryOut carries out a step and returns it with its result; nil if it is a conflict, which is in
// the outcome.
func (e *execution) carryOut(ctx context.Context, step model.Step) (done model.Step, err error) {
	switch step := step.(type) {
	case model.StartRollout:
		if step.Creates() {
			step.Revision, err = e.createRevision(ctx, step.Revision)
		} else {
			step.Revision, err = e.updateRevision(ctx, step.Revision)
		}
		return step, err
	case model.UpdateRevision:
		step.Revision, err = e.updateRevision(ctx, step.Revision)
		return step, err
	case model.WriteChild:
		answer, err := e.write(ctx, step)
		if err == nil && !e.note(step, answer) {
			step.Event = "" // nothing changed, so there is nothing to report
		}
		if err == nil && step.Creates() {
			e.memory.Names.Made(step.Target(), e.Clock.Now())
		}
		return step, err
	case model.Delete:
		return step, e.remove(ctx, step)
	case model.CopyConfig:
		if err = e.createCopy(ctx, step); e.outcome.Problem != nil || e.outcome.Predecessor != "" {
			return nil, err
		}
		return step, err
	case model.AdoptCopy:
		if err = e.adoptCopy(ctx, step); e.outcome.Problem != nil {
			return nil, err
		}
		return step, err
	default:
		panic(fmt.Sprintf("a %T is no step", step)) // there are no others
	}
}

// numbered checks the owner of the object that already has the name of the new revision. The
// failed create detects the conflict (R1), so there is no read before it.
func (e *execution) numbered(ctx context.Context, start model.StartRollout) error {
	free, err := e.mayWrite(ctx, start, []model.ObjectID{start.ObjectID})
	e.outcome.Again = e.outcome.Again || free // the object is gone again
	return err
}

// note remembers the answer to a write and reports whether it changed the object. If it did
// not, no watch event follows, and the stack needs another reconcile.
func (e *execution) note(step model.WriteChild, answer client.Object) (changed bool) {
	changed = answer.GetResourceVersion() != step.ResourceVersion
	if !changed {
		step.Undone = model.Change{} // the API server causes the difference, so it is not drift
	}
	e.memory.Writes.Note(answer.GetUID(), func(last model.LastWrite) model.LastWrite {
		return last.Next(model.LastWrite{
			Asked: step.Hash, Answered: kinds.Of(step.Kind).Fingerprint(answer), Generation: answer.GetGeneration(), At: e.Clock.Now(),
		}, step.Undone)
	})
	e.silent = e.silent || !changed
	return changed
}

func (e *execution) remove(ctx context.Context, step model.Delete) error {
	object := kinds.Of(step.Kind).New()
	object.SetNamespace(e.stack.Namespace)
	object.SetName(step.Name)
	err := e.Client.Delete(ctx, object, client.Preconditions{UID: &step.UID, ResourceVersion: &step.ResourceVersion},
		client.PropagationPolicy("Background"))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting %s %s: %w", step.Kind, step.Name, err)
	}
	if step.Kind == model.KindRevision {
		e.memory.Records.Drop(step.Name)
	} else {
		e.memory.Writes.Drop(step.UID)
		e.memory.Names.Removed(step.Target())
	}
	return nil
}

func (e *execution) key() types.NamespacedName { return client.ObjectKeyFromObject(e.stack) }
