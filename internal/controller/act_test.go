// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package controller

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/apply"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/queue"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/telemetry"
	"github.com/appstack-dev/appstack/test/fixture"
)

// actor is a desk that also plans and applies.
type actor struct {
	*desk
	// createError is the API server's error for new Deployments, and dryRunError for all dry runs.
	createError, dryRunError error
	// dryRuns counts the dry runs.
	dryRuns int
	mu      sync.Mutex // dry runs are concurrent
}

// unknown answers no question.
type unknown struct{}

func (unknown) Answer(_ context.Context, _ types.NamespacedName, questions model.Questions) (model.Answers, error) {
	return fixture.Unknown(questions), nil
}

func (unknown) Forget(types.NamespacedName) {}

func newActor(t *testing.T) *actor {
	t.Helper()
	d := newDesk(t)
	counts, err := telemetry.NewMetrics(prometheus.NewRegistry(), d.Client, nil, func() int { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	api, ok := d.Client.(client.WithWatch)
	if !ok {
		t.Fatalf("a %T cannot be intercepted", d.Client)
	}
	d.Answers = unknown{}
	actor := &actor{desk: d}
	d.Client = interceptor.NewClient(api, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			if len((&client.CreateOptions{}).ApplyOptions(options).DryRun) > 0 {
				if err := actor.dryRun(); err != nil {
					return err
				}
			} else if _, child := object.(*appsv1.Deployment); child && actor.createError != nil {
				return actor.createError
			}
			return c.Create(ctx, object, options...)
		},
		Patch: func(
			ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption,
		) error {
			if len((&client.PatchOptions{}).ApplyOptions(options).DryRun) == 0 {
				return c.Patch(ctx, object, patch, options...)
			}
			if err := actor.dryRun(); err != nil {
				return err
			}
			// the fake client returns no body, and replaces a Deployment's template as a whole
			body, err := patch.Data(object)
			if err != nil {
				return err
			}
			return json.Unmarshal(body, object)
		},
	})
	d.Plan = plan.Planner{Defaults: render.StandardDefaults()}
	d.Apply = &apply.Applier{Client: d.Client, Live: d.Client, Clock: d.clock}
	d.Metrics, d.Events = counts, &telemetry.Events{Recorder: events.NewFakeRecorder(100)}
	return actor
}

// dryRun returns the API server's answer to a dry run.
func (d *actor) dryRun() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dryRuns++
	return d.dryRunError
}

// done reconciles the state and returns what was done, in order.
func (d *actor) done(t *testing.T, state *model.State) []string {
	t.Helper()
	_, outcome, err := d.act(t.Context(), state, d.Memory.Of(state.Stack), d.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	var done []string
	for _, step := range outcome.Done {
		done = append(done, step.Verb()+" "+string(step.Object().Kind)+" "+step.Object().Name)
	}
	return done
}

// TestAnErrorKeepsWhatWasDoneBefore checks that steps that succeeded are reported even if a later
// step fails.
func TestAnErrorKeepsWhatWasDoneBefore(t *testing.T) {
	d := newActor(t)
	d.createError = apierrors.NewInternalError(errors.New("oops"))
	state := &model.State{Stack: d.stack(t)}
	_, outcome, err := d.act(t.Context(), state, d.Memory.Of(state.Stack), d.clock.Now())
	if err == nil || len(outcome.Done) != 1 || outcome.Done[0].Verb() != "Create" || len(state.Revisions) != 1 {
		t.Errorf("error %v, done %v, %d revisions, want an error and the created revision", err, outcome.Done, len(state.Revisions))
	}
	if recorder, ok := d.Events.Recorder.(*events.FakeRecorder); !ok || len(recorder.Events) != 1 {
		t.Errorf("%d events, want one", len(recorder.Events))
	}
}

func TestWhy(t *testing.T) {
	failing := []model.Pod{{Containers: []model.Container{{Waiting: "ErrImagePull"}}}}
	ending := []model.Pod{{Terminating: true, Containers: failing[0].Containers}}
	open := &model.Rollout{Outcome: v1alpha1.OutcomeProgressing}
	held := &model.Rollout{Outcome: v1alpha1.OutcomeProgressing, Failure: &model.Failure{}}
	tests := map[string]struct {
		pods    []model.Pod
		rollout *model.Rollout
		want    queue.Priority
	}{
		"nothing rolls out":                  {failing, nil, queue.Change},
		"it has ended":                       {failing, &model.Rollout{Outcome: v1alpha1.OutcomeSucceeded}, queue.Change},
		"its pods are well":                  {[]model.Pod{{}}, open, queue.Change},
		"a pod of an earlier revision exits": {ending, open, queue.Change},
		"a pod fails":                        {failing, open, queue.Trouble},
		"R14 it has failed, and is left":     {failing, held, queue.Change},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := priority(model.State{Pods: model.Pods{All: test.pods}}, model.Plan{Rollout: test.rollout}); got != test.want {
				t.Errorf("priority = %d, want %d", got, test.want)
			}
		})
	}
}

// look updates the state from the API server.
func (d *actor) look(t *testing.T, state *model.State) {
	t.Helper()
	key := client.ObjectKeyFromObject(state.Stack)
	deployment, service, budget := &appsv1.Deployment{}, &corev1.Service{}, &policyv1.PodDisruptionBudget{}
	for _, object := range []client.Object{deployment, service, budget} {
		if err := d.Client.Get(t.Context(), key, object); err != nil {
			t.Fatal(err)
		}
	}
	state.Children = fixture.Children(deployment, service, budget)
	state.LastWrites = d.Memory.Of(state.Stack).Writes.Last()
}

// TestAPassGoesOnWithWhatItRecords checks that the reconcile that creates or updates a revision
// also performs the steps that follow it.
func TestAPassGoesOnWithWhatItRecords(t *testing.T) {
	d := newActor(t)
	state := &model.State{Stack: d.stack(t)}
	if diff := cmp.Diff([]string{
		"Create ControllerRevision shop-1", "Create Deployment shop", "Create Service shop", "Create PodDisruptionBudget shop",
	}, d.done(t, state)); diff != "" {
		t.Errorf("the first release (-want +got):\n%s", diff)
	}
	if len(state.Revisions) != 1 || state.Revisions[0].ResourceVersion == "" {
		t.Errorf("revisions %+v, want the created one, as stored", state.Revisions)
	}

	d.look(t, state)
	desired := *state.Children.Deployment("shop").Spec.Replicas
	state.Children.Deployment("shop").Status = appsv1.DeploymentStatus{
		Replicas: desired, UpdatedReplicas: desired, ReadyReplicas: desired, AvailableReplicas: desired,
	}
	state.Pods = model.Pods{Known: true}
	if diff := cmp.Diff([]string{"Update ControllerRevision shop-1"}, d.done(t, state)); diff != "" {
		t.Errorf("the rollout ends (-want +got):\n%s", diff)
	}
	if got := state.Revisions[0].Record.Rollouts[0].Outcome; got != v1alpha1.OutcomeSucceeded {
		t.Errorf("the outcome is %q, want the recorded outcome", got)
	}

	fixture.With(state.Stack, fixture.Image("my-app:2"))
	if diff := cmp.Diff([]string{
		"Create ControllerRevision shop-2", "Update Deployment shop",
	}, d.done(t, state)); diff != "" {
		t.Errorf("another release (-want +got):\n%s", diff)
	}

	d.look(t, state)
	d.clock.Step(time.Second)
	state.Pods.All = []model.Pod{{
		Name: "shop-2-a", Component: naming.Main, Made: d.clock.Now(),
		Template: model.TemplateHash(state.Children.Deployment("shop").Spec.Template),
		Containers: []model.Container{{
			Name: "app", Waiting: "CrashLoopBackOff", Exits: 3, LastExit: &model.Exit{Code: 1, At: d.clock.Now()},
		}},
	}}
	if diff := cmp.Diff([]string{
		"Update ControllerRevision shop-2", "Update ControllerRevision shop-1", "Update Deployment shop",
	}, d.done(t, state)); diff != "" {
		t.Errorf("R12 the rollout fails (-want +got):\n%s", diff)
	}
}

// TestARolloutIsObservedFromItsStart checks that the reconcile that starts a rollout also starts to measure
// it, so that a clock that is set before the next reconcile does not make the rollout older.
func TestARolloutIsObservedFromItsStart(t *testing.T) {
	d := newActor(t)
	state := d.running(t)
	fixture.With(state.Stack, fixture.Image("my-app:2"))
	d.done(t, state)
	d.clock.Step(time.Minute)
	observed := d.Memory.Of(state.Stack).Observations.Observe(*judged(*state), state.Children.Deployments(), d.clock)
	if observed.For != time.Minute {
		t.Errorf("R17 the rollout has been observed for %s, want 1m0s", observed.For)
	}
}
