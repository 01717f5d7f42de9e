// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package controller

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/status"
	"github.com/appstack-dev/appstack/test/fixture"
)

var (
	errInvalid   = apierrors.NewInvalid(schema.GroupKind{Group: "apps", Kind: "Deployment"}, "shop", nil)
	errForbidden = apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "deployments"}, "shop", errors.New("policy"))
)

// reconcile reconciles the state with the current memory. It returns the resulting status and the
// delay until the next reconcile.
func (d *actor) reconcile(t *testing.T, state *model.State) (v1alpha1.AppStackStatus, time.Duration) {
	t.Helper()
	mem := d.Memory.Of(state.Stack)
	state.LastWrites, state.Rejected, state.Answers = mem.Writes.Last(), mem.Writes.Rejected(), model.Answers{}
	steps, outcome, err := d.act(t.Context(), state, mem, d.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	next := status.Compute(status.Input{State: *state, Plan: steps, Outcome: outcome, Now: d.clock.Now()})
	state.Stack.Status = next
	return next, wait(*state, steps, outcome)
}

// running returns the state of a stack whose first rollout has succeeded.
func (d *actor) running(t *testing.T) *model.State {
	t.Helper()
	state := &model.State{Stack: d.stack(t)}
	d.done(t, state)
	d.look(t, state)
	desired := *state.Children.Deployment("shop").Spec.Replicas
	state.Children.Deployment("shop").Status = appsv1.DeploymentStatus{
		Replicas: desired, UpdatedReplicas: desired, ReadyReplicas: desired, AvailableReplicas: desired,
	}
	state.Pods = model.Pods{Known: true}
	d.done(t, state)
	return state
}

// TestRefusedReleasesAreTriedEverLessOften checks the backoff of a release that the API server
// rejects, even if an unrelated event triggers a reconcile every five seconds.
func TestRefusedReleasesAreTriedEverLessOften(t *testing.T) {
	tests := map[string]struct {
		err error
		// pauses between tries, in steps of five seconds; each may be up to a tenth longer
		pauses []time.Duration
	}{
		"R4 content": {errInvalid, []time.Duration{
			30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute,
		}},
		"R4 a policy": {errForbidden, []time.Duration{30 * time.Second, time.Minute, time.Minute, time.Minute}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := newActor(t)
			state := d.running(t)
			fixture.With(state.Stack, fixture.Image("my-app:2"))
			d.dryRunError = test.err
			d.dryRuns = 0
			var pauses []time.Duration
			for last := d.clock.Now(); len(pauses) < len(test.pauses); d.clock.Step(5 * time.Second) {
				before := d.dryRuns
				next, wait := d.reconcile(t, state)
				if stalled := meta.FindStatusCondition(next.Conditions, v1alpha1.ConditionStalled); stalled == nil ||
					stalled.Reason != v1alpha1.ReasonRejected {
					t.Fatalf("R19 after %d dry runs: stalled is %+v, want %s", d.dryRuns, stalled, v1alpha1.ReasonRejected)
				}
				if wait <= 0 {
					t.Fatalf("R4 after %d dry runs nothing triggers another reconcile", d.dryRuns)
				}
				if now := d.clock.Now(); d.dryRuns > before && before > 0 {
					pauses = append(pauses, now.Sub(last))
					last = now
				}
				if d.clock.Since(last) > time.Hour {
					t.Fatalf("R4 there is no further try; pauses were %v", pauses)
				}
			}
			for i, want := range test.pauses {
				if got := pauses[i]; got < want || got > want+want/10+5*time.Second {
					t.Errorf("R4 pauses are %v, want %v", pauses, test.pauses)
					break
				}
			}
		})
	}
}

// TestRefusedReleasesAreTriedAtOnce checks which changes retry a rejected release without a pause.
func TestRefusedReleasesAreTriedAtOnce(t *testing.T) {
	tests := map[string]struct {
		then func(*actor, *model.State)
		want bool
	}{
		"R4 nothing": {func(*actor, *model.State) {}, false},
		"R4 a pod gets ready": {
			func(_ *actor, s *model.State) { s.Children.Deployment("shop").Status.ObservedGeneration++ }, false,
		},
		"R4 other content": {
			func(_ *actor, s *model.State) { fixture.With(s.Stack, fixture.Image("my-app:3")) }, true,
		},
		"R4 the spec changes":                   {func(_ *actor, s *model.State) { s.Stack.Generation++ }, true},
		"R4 the stack is deleted and recreated": {func(_ *actor, s *model.State) { s.Stack.UID = "another" }, true},
		"R26 the stack adopts": {
			func(_ *actor, s *model.State) {
				fixture.With(s.Stack, fixture.Annotation(v1alpha1.AnnotationAdopt, "true"))
			}, true,
		},
		"R4 a child is deleted": {func(_ *actor, s *model.State) { s.Children.Remove(model.KindService, "shop") }, true},
		"R4 a child is replaced": {
			func(_ *actor, s *model.State) { s.Children.Service("shop").UID = "other" }, true,
		},
		"R4 the operator restarts": {
			func(d *actor, _ *model.State) { d.Memory = &memory.Memory{} }, true,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := newActor(t)
			state := d.running(t)
			fixture.With(state.Stack, fixture.Image("my-app:2"))
			d.dryRunError = errInvalid
			d.reconcile(t, state)
			test.then(d, state)
			d.dryRuns = 0
			d.reconcile(t, state)
			if tried := d.dryRuns > 0; tried != test.want {
				t.Errorf("dry run: %t, want %t", tried, test.want)
			}
		})
	}
}

// TestARefusalStays checks that a running stack stays stalled from the rejection of its next
// release until the release is accepted, whatever a single reconcile does.
func TestARefusalStays(t *testing.T) {
	d := newActor(t)
	state := d.running(t)
	fixture.With(state.Stack, fixture.Image("my-app:2"))
	d.dryRunError = errInvalid
	d.reconcile(t, state)
	live := state.Stack.DeepCopy()
	for i := range int32(30) {
		state.Stack.Spec.Replicas = ptr.To(3 + i)
		state.Stack.Generation++
		if i%2 == 0 { // otherwise the cache is stale and the stack has changed meanwhile
			live.Generation = state.Stack.Generation
			if err := d.Client.Update(t.Context(), live); err != nil {
				t.Fatal(err)
			}
		}
		next, _ := d.reconcile(t, state)
		var reasons []string
		for _, condition := range next.Conditions {
			if condition.Type != v1alpha1.ConditionAvailable {
				reasons = append(reasons, condition.Type+" "+condition.Reason)
			}
		}
		if diff := cmp.Diff([]string{"Ready Rejected", "Stalled Rejected"}, reasons); diff != "" {
			t.Fatalf("R19 in reconcile %d (-want +got):\n%s", i, diff)
		}
		d.look(t, state)
		d.clock.Step(time.Second)
	}

	d.dryRunError = nil
	live.Generation = state.Stack.Generation
	if err := d.Client.Update(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	d.clock.Step(10 * time.Minute)
	next, _ := d.reconcile(t, state)
	if meta.FindStatusCondition(next.Conditions, v1alpha1.ConditionStalled) != nil || next.Revision != 2 {
		t.Errorf("R4 after acceptance: revision %d, conditions %+v", next.Revision, next.Conditions)
	}
}
