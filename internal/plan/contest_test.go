// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	. "github.com/appstack-dev/appstack/test/fixture"

	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// Field managers of other writers.
const (
	setImage = "kubectl-set"
	scaler   = "kube-controller-manager"
)

// Their changes to a Deployment.
func imageChanged(d *appsv1.Deployment)    { d.Spec.Template.Spec.Containers[0].Image = "evil:1" }
func replicasChanged(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](9) }

// contested returns a settled state whose Deployment was repaired this many times, each time after
// the same change by the manager. There is no drift now; the last write was at noon.
func contested(writes int, by func(*appsv1.Deployment), manager string) model.State {
	state := settled()
	deployment := state.Children.Deployment("shop")
	changed := state
	changed.Children = Children(deployment.DeepCopy())
	by(changed.Children.Deployment("shop"))
	step := planFor(changed).Steps[0].(model.WriteChild)
	last := model.LastWrite{Asked: step.Hash, At: noon.Add(-30 * time.Second)} // its creation
	for range writes {
		answer := model.LastWrite{Asked: step.Hash, Answered: Fingerprint(deployment), At: noon}
		last = last.Next(answer, model.Change{Field: step.Undone.Field, Manager: manager})
	}
	state.LastWrites = map[types.UID]model.LastWrite{deployment.UID: last}
	return state
}

// TestTwoControllersDoNotRace checks that a child which another controller keeps changing is
// reverted at once a few times, then with growing pauses, or once a second for fields that decide
// what pods run.
func TestTwoControllersDoNotRace(t *testing.T) {
	tests := map[string]struct {
		by   func(*appsv1.Deployment)
		want []string
	}{
		"R28 the image": {
			imageChanged, []string{"0s", "0s", "0s", "1s", "1s", "1s", "1s", "1s", "1s", "1s"},
		},
		"R28 the command and a pod annotation": {
			func(d *appsv1.Deployment) {
				d.Spec.Template.Annotations = map[string]string{"theirs": "1"}
				d.Spec.Template.Spec.Containers[0].Command = []string{"evil"}
			},
			[]string{"0s", "0s", "0s", "1s", "1s", "1s", "1s", "1s", "1s", "1s"},
		},
		"R28 a pod annotation": {
			func(d *appsv1.Deployment) { d.Spec.Template.Annotations = map[string]string{"theirs": "1"} },
			[]string{"0s", "0s", "0s", "1s", "2s", "4s", "8s", "16s", "30s", "30s"},
		},
		"R28 the number of replicas": {
			replicasChanged, []string{"0s", "0s", "0s", "1s", "2s", "4s", "8s", "16s", "30s", "30s"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var waits []string
			for writes := range 10 {
				state := contested(writes, test.by, setImage)
				test.by(state.Children.Deployment("shop"))
				plan := planFor(state)
				if (plan.Wait > 0) == (len(plan.Steps) > 0) {
					t.Fatalf("wait %s and steps %v, want either", plan.Wait, plan.Steps)
				}
				if (plan.Wait > 0) != (plan.Problem != nil) {
					t.Errorf("R19 a write that waits %s is followed by the problem %+v", plan.Wait, plan.Problem)
				}
				waits = append(waits, plan.Wait.String())
			}
			if diff := cmp.Diff(test.want, waits); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTheSoonestWriteCounts checks that an object with a later turn does not hold up another.
func TestTheSoonestWriteCounts(t *testing.T) {
	state := contested(9, imageChanged, setImage)
	imageChanged(state.Children.Deployment("shop"))
	budget := state.Children.Find("PodDisruptionBudget", "shop").(*policyv1.PodDisruptionBudget)
	last := model.LastWrite{Asked: budget.Annotations[naming.AnnotationConfigHash], At: noon, Repairs: &model.Repairs{Count: 9}}
	budget.Spec.UnhealthyPodEvictionPolicy = nil
	state.LastWrites[budget.UID] = last
	if wait := planFor(state).Wait; wait != time.Second {
		t.Errorf("R28 the next reconcile is due after %s, want 1s", wait)
	}
}

// TestAContest checks how long a stack is contested, what is reported, and that the report stays
// the same between a write and the change that undoes it.
func TestAContest(t *testing.T) {
	const image = "Deployment shop: spec.template.spec.containers[app].image is changed by kubectl-set again after each repair: " +
		"stop it; to run another image, set it in the stack's spec"
	tests := map[string]struct {
		state func() model.State
		after time.Duration
		want  string
	}{
		"R28 two repairs are no contest":  {func() model.State { return contested(2, imageChanged, setImage) }, 0, ""},
		"R28 three repairs are a contest": {func() model.State { return contested(3, imageChanged, setImage) }, 0, image},
		"R19 the contest stays while the last write is intact": {
			func() model.State { return contested(3, imageChanged, setImage) }, 59 * time.Second, image,
		},
		"R19 the contest stays while the object is changed": {
			func() model.State {
				state := contested(3, imageChanged, setImage)
				imageChanged(state.Children.Deployment("shop"))
				return state
			}, 500 * time.Millisecond, image,
		},
		"R28 the contest ends after a minute": {func() model.State { return contested(9, imageChanged, setImage) }, time.Minute, ""},
		"R28 no contest if the clock was set back": {
			func() model.State { return contested(9, imageChanged, setImage) }, -time.Second, "",
		},
		"R28 no contest if the desired state has changed": {
			func() model.State {
				state := contested(9, imageChanged, setImage)
				state.Stack.Spec.Replicas = ptr.To[int32](5)
				return state
			}, 0, "",
		},
		"R30 a contest with an autoscaler that is not the stack's": {
			func() model.State { return contested(3, replicasChanged, scaler) }, 0,
			"Deployment shop: spec.replicas is changed by kube-controller-manager again after each repair: " +
				"stop it; to run another number of pods, scale the stack, or leave replicas out of its spec",
		},
		"R30 a contest with an unknown manager": {
			func() model.State {
				return contested(3, func(d *appsv1.Deployment) { d.Spec.Strategy = appsv1.DeploymentStrategy{Type: "Recreate"} }, "")
			}, 0,
			"Deployment shop: spec.strategy is changed by someone else again after each repair: " +
				"stop it, or change the stack's spec",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			plan := Plan(test.state(), noon.Add(test.after))
			got := ""
			if plan.Problem != nil {
				got = plan.Problem.Message
				if plan.Problem.Reason != v1alpha1.ReasonDriftContested {
					t.Errorf("the reason is %s", plan.Problem.Reason)
				}
				if plan.Wait == 0 || plan.Wait > time.Minute-test.after {
					t.Errorf("R19 the next reconcile is due after %s, want it no later than the contest's end", plan.Wait)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the problem (-want +got):\n%s", diff)
			}
		})
	}
}

// TestManyFieldsAndManagers checks that the message of a contest becomes stable, however many
// fields are changed.
func TestManyFieldsAndManagers(t *testing.T) {
	last := model.LastWrite{Asked: "a", At: noon}
	for name := range strings.FieldsSeq("d b c b a e") {
		last = last.Next(model.LastWrite{Asked: "a", At: noon}, model.Change{Field: name, Manager: name})
	}
	want := []string{"b", "c", "d"}
	if diff := cmp.Diff(model.Repairs{Count: 6, Fields: want, Managers: want}, *last.Repairs); diff != "" {
		t.Errorf("R19 repairs (-want +got):\n%s", diff)
	}
}
