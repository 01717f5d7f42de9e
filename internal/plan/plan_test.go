// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/render"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/sim"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// settled is the state of a stack whose first rollout has succeeded.
func settled(options ...Option) model.State {
	world := sim.New()
	world.Apply(Stack("shop", options...))
	world.Settle(30)
	return world.State()
}

// stepsOf are the lines of the plan's steps.
func stepsOf(state model.State) []string {
	var lines []string
	plan := planFor(state)
	if plan.Move != nil {
		lines = append(lines, "Move: "+plan.Move.String())
	}
	for _, step := range plan.Steps {
		lines = append(lines, step.String())
	}
	return lines
}

func planFor(state model.State) model.Plan {
	return plan.Planner{Defaults: render.StandardDefaults()}.Make(state, noon)
}

func TestDrift(t *testing.T) {
	const was = "was changed by someone else and is put back"
	shop := func(edit func(*appsv1.Deployment)) func(*model.State) {
		return func(s *model.State) { edit(s.Deployments["shop"]) }
	}
	service := func(edit func(*corev1.Service)) func(*model.State) {
		return func(s *model.State) { edit(s.Services["shop"]) }
	}
	tests := map[string]struct {
		edit func(*model.State)
		want string
	}{
		"R28 another image": {
			shop(func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "other" }),
			"Update Deployment shop: Deployment shop: spec.template " + was,
		},
		"R28 an addition to the template": {
			shop(func(d *appsv1.Deployment) { d.Spec.Template.Annotations = map[string]string{"injected": "yes"} }),
			"Update Deployment shop: Deployment shop: spec.template " + was,
		},
		"R28 another number of pods": {
			shop(func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](9) }),
			"Update Deployment shop: Deployment shop: spec.replicas " + was,
		},
		"R28 another strategy": {
			shop(func(d *appsv1.Deployment) { d.Spec.Strategy = appsv1.DeploymentStrategy{Type: "Recreate"} }),
			"Update Deployment shop: Deployment shop: spec.strategy " + was,
		},
		"R28 paused by hand": {
			shop(func(d *appsv1.Deployment) { d.Spec.Paused = true }),
			"Update Deployment shop: Deployment shop: spec.paused " + was,
		},
		"R28 a label taken away": {
			shop(func(d *appsv1.Deployment) { delete(d.Labels, naming.LabelComponent) }),
			"Update Deployment shop: Deployment shop: metadata.labels.apps.appstack.dev/component " + was,
		},
		"R28 annotations and labels of others": {
			shop(func(d *appsv1.Deployment) { d.Annotations["theirs"], d.Labels["theirs"] = "a", "b" }), "",
		},
		"R28 a field that the operator does not own": {
			service(func(s *corev1.Service) { s.Spec.SessionAffinity = corev1.ServiceAffinityClientIP }), "",
		},
		"R28 a port of others": {
			service(func(s *corev1.Service) {
				s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: "theirs", Port: 99})
			}), "",
		},
		"R28 another selector": {
			service(func(s *corev1.Service) { s.Spec.Selector = map[string]string{"app": "other"} }),
			"Update Service shop: Service shop: spec.selector.apps.appstack.dev/component " + was,
		},
		"R28 another port": {
			service(func(s *corev1.Service) { s.Spec.Ports[0].Port = 8080 }),
			"Update Service shop: Service shop: spec.ports[0].port " + was,
		},
		"R28 a child deleted": {
			func(s *model.State) { delete(s.Services, "shop") },
			"Create Service shop: component main of revision 1 needs it",
		},
		"R28 a budget changed": {
			func(s *model.State) { s.Budgets["shop"].Spec.UnhealthyPodEvictionPolicy = nil },
			"Update PodDisruptionBudget shop: PodDisruptionBudget shop: spec.unhealthyPodEvictionPolicy " + was,
		},
		"R26 a child without controller": {
			shop(func(d *appsv1.Deployment) { d.OwnerReferences = nil }),
			"Update Deployment shop: Deployment shop is taken back: it has the stack's labels and no controller",
		},
		"R26 a revision without controller": {
			func(s *model.State) { s.Revisions[0].Orphan = true },
			"Annotate ControllerRevision shop-1: taken back: it has the stack's labels and no controller",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			state := settled()
			if steps := stepsOf(state); len(steps) > 0 {
				t.Fatalf("the stack is not settled: %v", steps)
			}
			test.edit(&state)
			var want []string
			if test.want != "" {
				want = []string{test.want}
			}
			if diff := cmp.Diff(want, stepsOf(state)); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAcceptedAnswers shows that what the API server makes of a write, such as
// a mutating webhook's addition, is no drift, so that nothing is written twice.
func TestAcceptedAnswers(t *testing.T) {
	state := settled()
	deployment := state.Deployments["shop"]
	asked := deployment.Annotations[naming.AnnotationConfigHash]
	deployment.Spec.Template.Annotations = map[string]string{"injected": "by a webhook"}
	state.Accepted = map[types.UID]model.Acceptance{
		deployment.UID: {Asked: asked, Answered: model.Fingerprint(deployment)},
	}
	if steps := stepsOf(state); len(steps) > 0 {
		t.Errorf("the accepted answer is written over: %v", steps)
	}
	deployment.Spec.Template.Annotations["by"] = "hand"
	if steps := stepsOf(state); len(steps) != 1 {
		t.Errorf("R28 a change after it is not put back: %v", steps)
	}
}

// TestTwoControllersDoNotRace shows that a child which someone else changes
// back each time is put back at once a few times, and then ever more rarely.
func TestTwoControllersDoNotRace(t *testing.T) {
	state := settled()
	deployment := state.Deployments["shop"]
	deployment.Spec.Template.Annotations = map[string]string{"theirs": "again"}
	asked := deployment.Annotations[naming.AnnotationConfigHash]
	var waits []string
	accepted := model.Acceptance{}
	for range 12 {
		accepted = accepted.Next(asked, "ours", 1, noon)
		state.Accepted = map[types.UID]model.Acceptance{deployment.UID: accepted}
		plan := planFor(state)
		if (plan.Wait > 0) == (len(plan.Steps) > 0) {
			t.Fatalf("R28 wait %s and steps %v, want one of them", plan.Wait, plan.Steps)
		}
		waits = append(waits, plan.Wait.String())
	}
	want := []string{"0s", "0s", "0s", "1s", "2s", "4s", "8s", "16s", "32s", "1m0s", "1m0s", "1m0s"}
	if diff := cmp.Diff(want, waits); diff != "" {
		t.Errorf("R28 waits (-want +got):\n%s", diff)
	}
	if later := accepted.Next(asked, "ours", 1, noon.Add(time.Hour)); later.Repeats != 0 {
		t.Errorf("R28 an hour later it waits still: %d repeats", later.Repeats)
	}
}

func TestConflict(t *testing.T) {
	foreign := metav1.OwnerReference{APIVersion: "apps/v1", Kind: "Rollout", Name: "other", UID: "x", Controller: ptr.To(true)}
	with := func(owners []metav1.OwnerReference, labels map[string]string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: Namespace, Name: "shop", UID: "live", Labels: labels, OwnerReferences: owners}
	}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "shop"}}
	adopt := Annotation(v1alpha1.AnnotationAdopt, "true")
	tests := map[string]struct {
		options []Option
		state   model.State
		want    string
	}{
		"R26 a Deployment of someone else": {
			nil, model.State{Deployments: map[string]*appsv1.Deployment{"shop": {
				ObjectMeta: with([]metav1.OwnerReference{foreign}, nil), Spec: appsv1.DeploymentSpec{Selector: selector},
			}}},
			`Deployment "shop" is there and belongs to Rollout "other": delete it, or rename the stack`,
		},
		"R26 one that a controller owns cannot be adopted": {
			[]Option{adopt}, model.State{Deployments: map[string]*appsv1.Deployment{"shop": {
				ObjectMeta: with([]metav1.OwnerReference{foreign}, nil), Spec: appsv1.DeploymentSpec{Selector: selector},
			}}},
			`Deployment "shop" is there and belongs to Rollout "other": delete it, or rename the stack`,
		},
		"R26 an autoscaler cannot be adopted": {
			[]Option{adopt, Unmanaged(), func(s *v1alpha1.AppStack) { s.Spec.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 3} }},
			model.State{Autoscalers: map[string]*autoscalingv2.HorizontalPodAutoscaler{"shop": {ObjectMeta: with(nil, nil)}}},
			`HorizontalPodAutoscaler "shop" is there and does not belong to this stack: delete it, or rename the stack`,
		},
		"R26 a Service that can be adopted, not asked for": {
			nil, model.State{Services: map[string]*corev1.Service{"shop": {ObjectMeta: with(nil, nil)}}},
			`Service "shop" is there and does not belong to this stack: delete it, rename the stack, or set the annotation ` +
				`apps.appstack.dev/adopt=true on the stack to take it over`,
		},
		"R26 a copy with the stack's labels is not the stack's": {
			nil, model.State{Budgets: map[string]*policyv1.PodDisruptionBudget{"shop": {
				ObjectMeta: with(nil, naming.Labels("shop", "worker")),
			}}},
			`PodDisruptionBudget "shop" is there and does not belong to this stack: delete it, or rename the stack`,
		},
		"R26 a selector that cannot be kept": {
			[]Option{adopt}, model.State{Deployments: map[string]*appsv1.Deployment{"shop": {
				ObjectMeta: with(nil, nil),
				Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
					{Key: "app", Operator: metav1.LabelSelectorOpExists},
				}}},
			}}},
			`Deployment "shop" selects its pods by matchExpressions, which cannot be taken over: ` +
				`delete it with --cascade=orphan, or rename the stack`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.state.Stack = Stack("shop", test.options...)
			got := planFor(test.state)
			if got.Problem == nil || got.Problem.Reason != v1alpha1.ReasonNameConflict || got.Problem.Message != test.want {
				t.Errorf("problem is %+v, want NameConflict: %s", got.Problem, test.want)
			}
			if got.Move != nil || len(got.Steps) > 0 {
				t.Errorf("something is written: %v, %v", got.Move, got.Steps)
			}
		})
	}
}

func TestAdoption(t *testing.T) {
	state := model.State{
		Stack: Stack("shop", Annotation(v1alpha1.AnnotationAdopt, "true")),
		Deployments: map[string]*appsv1.Deployment{"shop": {
			ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: "shop", UID: "live"},
			Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "shop"}}},
		}},
		Services: map[string]*corev1.Service{"shop": {
			ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: "shop", UID: "svc"},
			Spec:       corev1.ServiceSpec{Selector: map[string]string{"tier": "web"}},
		}},
	}
	first := planFor(state)
	if first.Problem != nil || first.Move == nil || first.Move.Verb != model.VerbRecord {
		t.Fatalf("R26 the plan is %+v, want a revision", first)
	}
	rev := *first.Move.Revision
	labels := rev.Content.Components[0].Template.Labels
	if labels["app"] != "shop" || labels["tier"] != "web" {
		t.Errorf("R26 pods have the labels %v: the Deployment and the Service that were there do not find them", labels)
	}
	state.Revisions = []model.Revision{rev}
	lines := stepsOf(state)
	want := []string{
		"Update Deployment shop: Deployment shop is adopted: it was there before the stack",
		"Create PodDisruptionBudget shop: component main of revision 1 needs it",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("R26 the Service waits for the rollout's end (-want +got):\n%s", diff)
	}
}

func TestPredecessorIsWaitedFor(t *testing.T) {
	state := settled()
	state.Predecessor = `Deployment "shop"`
	state.Stack.Spec.Image = "my-app:2"
	if steps := stepsOf(state); len(steps) > 0 {
		t.Errorf("R26 steps %v, want none", steps)
	}
}

func TestRemovalsSpareCopies(t *testing.T) {
	state := settled()
	copied := state.Deployments["shop"].DeepCopy()
	copied.Name, copied.OwnerReferences = "shop-copy", nil
	state.Deployments["shop-copy"] = copied
	if steps := stepsOf(state); len(steps) > 0 {
		t.Errorf("R26 a copy that someone made with the stack's labels: %v, want nothing", steps)
	}
	stray := state.Deployments["shop"].DeepCopy()
	stray.Name = "shop-stray"
	state.Deployments["shop-stray"] = stray
	want := []string{"Delete Deployment shop-stray: Deployment shop-stray is not needed any more"}
	if diff := cmp.Diff(want, stepsOf(state)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestChangeCauseIsBounded(t *testing.T) {
	state := model.State{Stack: Stack("shop", Annotation(v1alpha1.AnnotationChangeCause, strings.Repeat("x", 5000)))}
	if got := len(planFor(state).Move.Revision.Record.ChangeCause); got != 1024 {
		t.Errorf("R5 %d bytes of the cause are kept, want 1024", got)
	}
}

func TestEmptyRolloutIsNotGood(t *testing.T) {
	state := settled(Replicas(0))
	if rollout := state.Revisions[0].Record.Rollouts[0]; rollout.Outcome != v1alpha1.OutcomeSucceeded || rollout.Good() {
		t.Errorf("R6 zero replicas: %+v, want succeeded and not good", rollout)
	}
}

// TestARefusedMoveStopsNoUpkeep shows that what runs is kept up while a new
// revision waits for the API server's word.
func TestARefusedMoveStopsNoUpkeep(t *testing.T) {
	state := settled()
	With(state.Stack, Image("my-app:2"), Replicas(9))
	delete(state.Services, "shop")
	want := []string{
		"Move: Record ControllerRevision shop-2: revision 2: the spec's content changed",
		"Update Deployment shop: the stack's spec changed what it is to be",
		"Create Service shop: component main of revision 1 needs it",
	}
	if diff := cmp.Diff(want, stepsOf(state)); diff != "" {
		t.Errorf("R28 steps (-want +got):\n%s", diff)
	}
}

// TestRespellingAfterARestart shows that the same content in other words stays
// the restarted revision.
func TestRespellingAfterARestart(t *testing.T) {
	world := sim.New()
	world.Apply(Stack("shop"))
	world.Settle(30)
	world.Apply(With(world.Stack().DeepCopy(), RestartedAt(noon)))
	world.Settle(30)
	world.Apply(With(world.Stack().DeepCopy(), func(s *v1alpha1.AppStack) { s.Spec.Ports[0].Protocol = corev1.ProtocolTCP }))
	want := []string{"Annotate ControllerRevision shop-2: the spec renders to the content of revision 2"}
	if diff := cmp.Diff(want, stepsOf(world.State())); diff != "" {
		t.Errorf("R3 steps (-want +got):\n%s", diff)
	}
}

// TestARevisionThatNeverStarted shows that its components are not made on the
// way to the next one.
func TestARevisionThatNeverStarted(t *testing.T) {
	state := settled()
	With(state.Stack, Component("oops", 1, nil), Ports(80, 81))
	second := *planFor(state).Move.Revision
	state.Revisions = append(state.Revisions, second)
	With(state.Stack, WithoutComponents(), Ports(80), Image("my-app:3"))
	third := *planFor(state).Move.Revision
	state.Revisions = append(state.Revisions, third)
	want := []string{"Update Deployment shop: from revision 1 to revision 3"}
	if diff := cmp.Diff(want, stepsOf(state)); diff != "" {
		t.Errorf("R9 steps (-want +got):\n%s", diff)
	}
}

// TestALostRecordReplacesNoPods shows that without the record of what runs, the
// records that are left are not gone by.
func TestALostRecordReplacesNoPods(t *testing.T) {
	world := sim.New()
	world.Apply(Stack("shop"))
	world.Settle(30)
	world.Apply(With(world.Stack().DeepCopy(), Image("my-app:2")))
	world.Settle(30)
	world.Apply(With(world.Stack().DeepCopy(), RollbackTo(1, 0)))
	world.Settle(30)
	state := world.State()
	state.Revisions = state.Revisions[1:]
	got := planFor(state)
	if len(stepsOf(state)) > 0 || got.Problem == nil || got.Problem.Reason != v1alpha1.ReasonRevisionNotFound {
		t.Errorf("R15 steps %v, problem %+v, want none and RevisionNotFound", stepsOf(state), got.Problem)
	}
	With(state.Stack, NoRollback())
	if steps := stepsOf(state); len(steps) != 1 || steps[0] !=
		"Move: Annotate ControllerRevision shop-2: revision 2: the spec's content is that of revision 2" {
		t.Errorf("R10 without the rollback the spec's content is released, got %v", steps)
	}
}

func TestAnAutoscalerGetsPodsToWorkWith(t *testing.T) {
	state := settled(Replicas(0))
	With(state.Stack, Unmanaged(), func(s *v1alpha1.AppStack) {
		s.Spec.Autoscaling = &v1alpha1.Autoscaling{MinReplicas: ptr.To[int32](2), MaxReplicas: 4}
	})
	for _, step := range planFor(state).Steps {
		if step.Kind == model.KindDeployment && ptr.Deref(step.Deployment.Spec.Replicas, 0) == 2 {
			return
		}
	}
	t.Error("R28 the Deployment stays at 0, where an autoscaler does nothing")
}

func TestADeploymentDeletedDuringAPauseComesBackWithPods(t *testing.T) {
	state := settled(Paused(false))
	With(state.Stack, Paused(true))
	delete(state.Deployments, "shop")
	steps := planFor(state).Steps
	if len(steps) != 1 || steps[0].Verb != model.VerbCreate || steps[0].Deployment.Spec.Paused {
		t.Errorf("R28 steps %v, want one that creates a Deployment which is not paused", steps)
	}
}

func TestAnEmptyRolloutBecomesGoodWithPods(t *testing.T) {
	world := sim.New()
	world.Apply(Stack("shop", Replicas(0)))
	world.Settle(30)
	world.Apply(With(world.Stack().DeepCopy(), Replicas(2)))
	world.Settle(30)
	if got := world.Stack().Status.LastGoodRevision; got != 1 {
		t.Errorf("R6 the last good revision is %d, want 1", got)
	}
}

// TestRollbacksAreTriedToo shows that a move to an earlier revision is tried
// before it begins, like one to a new revision.
func TestRollbacksAreTriedToo(t *testing.T) {
	world := sim.New()
	world.Apply(Stack("shop"))
	world.Settle(30)
	world.Apply(With(world.Stack().DeepCopy(), Image("my-app:2")))
	world.Settle(30)
	state := world.State()
	With(state.Stack, RollbackTo(1, 0))
	move := planFor(state).Move
	if move == nil || move.Verb != model.VerbAnnotate {
		t.Fatalf("R10 the move is %v, want one to revision 1", move)
	}
	var tried []model.Kind
	for _, step := range move.Trial {
		tried = append(tried, step.Kind)
	}
	if diff := cmp.Diff([]model.Kind{model.KindDeployment, model.KindService, model.KindBudget}, tried); diff != "" {
		t.Errorf("R4 tried before it begins (-want +got):\n%s", diff)
	}
}
