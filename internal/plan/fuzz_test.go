// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/sim"
)

// lived returns a world with a history encoded in bytes, two for each event: its kind and a
// parameter.
func lived(past []byte) *sim.World {
	images := []string{"my-app:1", "my-app:2", "my-app:crash", "my-app:missing", "my-app:unready", "my-app:invalid"}
	world := sim.New()
	world.Registry = sim.NewRegistry()
	for _, image := range images[:4] { // the registry does not know the others
		world.Registry.Push(image, web("first"))
	}
	world.Apply(Stack("shop"))
	for what, how := range pairs(past) {
		change := func(option Option) { world.Apply(With(world.Stack().DeepCopy(), option)) }
		switch what % 13 {
		case 0, 1:
			change(Image(images[int(how)%len(images)]))
		case 2:
			change(RollbackTo(int64(how%5)+1, int64(how/5%3)))
		case 3:
			change(NoRollback())
		case 4:
			change(Paused(how%2 == 0))
		case 5:
			change(RestartedAt(world.Now()))
		case 6:
			change(Component("worker", int32(how%3), nil, "work"))
		case 7:
			change(WithoutComponents())
		case 8:
			world.OperateAndDie(int(how % 6))
		case 9:
			world.Quota = int(how%8) - 1
		case 10:
			world.Registry.Hang()
		case 11:
			world.Registry.Recover()
		case 12:
			world.Registry.Push(images[int(how)%len(images)], web("other"))
		}
		world.Wait(int(how % 64))
	}
	return world
}

// pairs returns the bytes in pairs, up to a limit.
func pairs(bytes []byte) func(func(byte, byte) bool) {
	return func(yield func(byte, byte) bool) {
		for i := 0; i+1 < len(bytes) && i < 24; i += 2 {
			if !yield(bytes[i], bytes[i+1]) {
				return
			}
		}
	}
}

// damaged damages the state as encoded in bytes, two for each damage.
func damaged(state model.State, damage []byte) model.State {
	for what, how := range pairs(damage) {
		deployment := state.Children.Deployment("shop")
		switch what % 12 {
		case 0:
			if n := len(state.Revisions); n > 0 {
				state.Revisions = slices.Delete(state.Revisions, int(how)%n, int(how)%n+1)
			}
		case 1:
			state.Children.Remove(model.KindDeployment, "shop")
		case 2:
			state.Pods.Known = how%2 == 0
		case 3:
			state.Pods.All = append(state.Pods.All, model.Pod{
				Name: "stray", Component: naming.Main, Terminating: how%2 == 0,
				Containers: []model.Container{{Name: "app", Waiting: "ErrImagePull", Exits: int32(how)}},
			})
		case 4:
			state.Children.Remove(model.KindService, "shop")
		case 5:
			state.Stack.UID = "another"
		case 6:
			if n := len(state.Revisions); n > 0 {
				state.Revisions[int(how)%n].Record.Rollouts = nil
			}
		case 7:
			state.Predecessor = "Deployment \"shop\""
		}
		if deployment == nil {
			continue
		}
		switch what % 12 {
		case 8:
			deployment.Annotations[naming.AnnotationRevision] = string(rune('0' + how%10))
		case 9:
			deployment.Status.ObservedGeneration = int64(how)
		case 10:
			deployment.Status.AvailableReplicas, deployment.Status.UpdatedReplicas = int32(how%5), int32(how/5%5)
		case 11:
			deployment.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app", Image: "by-hand"}}
		}
	}
	return state
}

// FuzzMake plans for stacks with any history and damage. It must not panic, must be deterministic,
// must create no revision before its images are looked up, and must delete neither the running
// revision nor the rollback target.
func FuzzMake(f *testing.F) {
	f.Add([]byte{0, 2, 0, 1}, []byte{}, uint16(0))
	f.Add([]byte{0, 2, 8, 2, 2, 0}, []byte{0, 0}, uint16(700))
	f.Add([]byte{1, 3, 6, 2, 4, 0, 7, 1}, []byte{8, 9, 3, 1}, uint16(61))
	f.Add([]byte{9, 4, 0, 1, 5, 60}, []byte{6, 0, 10, 3}, uint16(31))
	f.Add([]byte{10, 0, 0, 2, 11, 60, 12, 0, 5, 20}, []byte{}, uint16(0))
	f.Add([]byte{0, 2, 10, 30, 0, 1}, []byte{}, uint16(9))
	f.Fuzz(func(t *testing.T, past, damage []byte, seconds uint16) {
		world := lived(past)
		if violations := world.Violations(); len(violations) > 0 {
			t.Fatalf("%v\n%s", violations, world.Transcript())
		}
		state, now := damaged(world.State(), damage), world.Now().Add(time.Duration(seconds)*time.Second)
		plan := Plan(state, now)
		if diff := cmp.Diff(lines(plan), lines(Plan(state, now))); diff != "" {
			t.Errorf("planning twice (-first +second):\n%s", diff)
		}
		asks := !asked(state, now).None()
		if waits := Plan(waiting(state, time.Second), now).LooksUp != ""; waits && !asks {
			t.Error("R21 the plan waits for an image that it does not ask for")
		}
		if move := plan.Start; move != nil && move.Verb() == "Create" && !asks {
			t.Errorf("R21 a rollout starts without its images being looked up: %s", move)
		}
		timeline := revision.Timeline(state.Revisions)
		if len(timeline) == 0 {
			return
		}
		needed := []string{naming.Revision("shop", timeline[0].Revision)}
		if good := revision.LastGood(timeline); good != nil {
			needed = append(needed, naming.Revision("shop", good.Revision))
		}
		for _, step := range plan.Steps {
			if step.Verb() == "Delete" && step.Target().Kind == model.KindRevision && slices.Contains(needed, step.Target().Name) {
				t.Errorf("R8 a needed object is deleted: %s", step)
			}
		}
		if move := plan.Start; move != nil && move.Rollout().Trigger == v1alpha1.TriggerAutoRollback &&
			(!timeline[0].Failed() || timeline[0].Trigger == v1alpha1.TriggerAutoRollback) {
			t.Errorf("R13 an automatic rollback follows %+v", timeline[0])
		}
	})
}

func lines(plan model.Plan) []string {
	var all []string
	if plan.Start != nil {
		all = append(all, plan.Start.String())
	}
	for _, step := range plan.Steps {
		all = append(all, step.String()+" "+step.Asked().Hash)
	}
	return all
}
