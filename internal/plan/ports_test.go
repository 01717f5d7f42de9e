// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/sim"
)

func portList(ports ...v1alpha1.Port) Option {
	return func(s *v1alpha1.AppStack) { s.Spec.Ports = ports }
}

// byPosition returns a settled stack of an earlier operator version, which named the ports of its
// spec, 80 and 81, by their position.
func byPosition() model.State {
	state := settled(portList(v1alpha1.Port{Name: "port-0", ContainerPort: 80}, v1alpha1.Port{Name: "port-1", ContainerPort: 81}))
	With(state.Stack, Ports(80, 81))
	state.Revisions[0].Record.Sources = []string{revision.SourceHash(state.Stack.Spec)}
	return state
}

// namesOf returns the port names in the new revision of the rollout start.
func namesOf(move *model.StartRollout) []string {
	var names []string
	for _, port := range move.Revision.Content.Components[0].App().Ports {
		names = append(names, fmt.Sprint(port.Name, " ", port.ContainerPort))
	}
	return names
}

func TestPortsThatAnEarlierOperatorNamed(t *testing.T) {
	if steps := stepsOf(byPosition()); len(steps) > 0 {
		t.Errorf("R2 an upgraded operator changes a settled stack: %v", steps)
	}

	t.Run("R3 the same ports in another form are the same content", func(t *testing.T) {
		state := byPosition()
		With(state.Stack, func(s *v1alpha1.AppStack) { s.Spec.Ports[0].Protocol = corev1.ProtocolTCP })
		want := []string{"Update ControllerRevision shop-1: the spec renders to the content of revision 1"}
		if diff := cmp.Diff(want, stepsOf(state)); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
	})

	t.Run("R9 ports keep their names, so the Service keeps its targets", func(t *testing.T) {
		state := byPosition()
		With(state.Stack, Image("my-app:2"), Ports(9090, 80, 81))
		move := planFor(state).Start
		if diff := cmp.Diff([]string{"port-9090 9090", "port-0 80", "port-1 81"}, namesOf(move)); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
	})

	t.Run("R3 another revision with other names is running", func(t *testing.T) {
		world := sim.New()
		world.Apply(Stack("shop", portList(v1alpha1.Port{Name: "port-0", ContainerPort: 80})))
		world.Settle(patience)
		world.Apply(Stack("shop", portList(v1alpha1.Port{Name: "port-80", ContainerPort: 80}), Image("my-app:2")))
		world.Settle(patience)
		state := world.State()
		With(state.Stack, Ports(80), Image("my-app:1"))
		want := []string{"Move: Update ControllerRevision shop-1: revision 1: the spec renders to the content of revision 1"}
		if diff := cmp.Diff(want, stepsOf(state)[:1]); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
	})
}

// renaming returns the state of a stack during the rollout of revision 2, which changes a port's
// name and number.
func renaming(t *testing.T) model.State {
	t.Helper()
	world := sim.New()
	world.Apply(Stack("shop", portList(v1alpha1.Port{Name: "http", ContainerPort: 80})))
	world.Settle(patience)
	world.Apply(Stack("shop", Image("my-app:unready"), portList(v1alpha1.Port{
		Name: "web", ContainerPort: 8080, ServicePort: new(int32(80)),
	})))
	world.Settle(3)
	state := world.State()
	if target := targetOf(t, state); target != "http" {
		t.Fatalf("R9 the Service targets %s, want http", target)
	}
	return state
}

// targetOf returns the planned target of the Service's port.
func targetOf(t *testing.T, state model.State) string {
	t.Helper()
	for _, component := range planFor(state).Components {
		return component.Service.Ports[0].TargetPort.String()
	}
	t.Fatal("there is no component")
	return ""
}

// TestTheServiceMovesWithThePods checks what decides when a Service switches to the new pods, if no
// target port reaches both old and new pods.
func TestTheServiceMovesWithThePods(t *testing.T) {
	unseen := func(s *model.State) { s.Pods = model.Pods{} }
	status := func(replicas, updated, ready int32) func(*model.State) {
		return func(s *model.State) {
			live := s.Children.Deployment("shop")
			live.Status.Replicas, live.Status.UpdatedReplicas = replicas, updated
			live.Status.ReadyReplicas, live.Status.AvailableReplicas = ready, ready
		}
	}
	pods := func(earlier, present int) func(*model.State) {
		return func(s *model.State) {
			templates := []string{
				model.TemplateHash(s.Revisions[0].Content.Components[0].Template), model.TemplateHash(s.Children.Deployment("shop").Spec.Template),
			}
			s.Pods = model.Pods{Known: true}
			for i, count := range []int{earlier, present} {
				for range count {
					s.Pods.All = append(s.Pods.All, model.Pod{Component: "main", Template: templates[i], ReadySince: new(noon.Add(-time.Hour))})
				}
			}
		}
	}
	tests := map[string]struct {
		edits []func(*model.State)
		want  string
	}{
		"R9 more old pods":                {[]func(*model.State){pods(2, 1)}, "http"},
		"R9 as many new pods as old ones": {[]func(*model.State){pods(2, 2)}, "web"},
		"R9 no old pod is ready":          {[]func(*model.State){pods(0, 1), status(4, 1, 1)}, "web"},
		"R9 a new pod is ready but not available": {[]func(*model.State){pods(1, 1), func(s *model.State) {
			s.Children.Deployment("shop").Spec.MinReadySeconds = 10
			s.Pods.All[1].ReadySince = new(noon.Add(-time.Second))
		}}, "http"},
		"R9 a new pod is ready but not available, and no old pod is ready": {[]func(*model.State){pods(0, 1), func(s *model.State) {
			s.Children.Deployment("shop").Spec.MinReadySeconds = 10
			s.Pods.All[0].ReadySince = new(noon.Add(-time.Second))
		}}, "web"},
		"R9 the Deployment's status: three old, one new":                {[]func(*model.State){unseen, status(4, 1, 4)}, "http"},
		"R9 the Deployment's status: two old, two new":                  {[]func(*model.State){unseen, status(4, 2, 4)}, "web"},
		"R9 the Deployment's status: two old, two new, three available": {[]func(*model.State){unseen, status(4, 2, 3)}, "http"},
		"R9 the Deployment's status: one old, one new":                  {[]func(*model.State){unseen, status(2, 1, 2)}, "web"},
		"R9 the Deployment's status: none available":                    {[]func(*model.State){unseen, status(1, 1, 0)}, "http"},
		"R9 the Deployment is not observed yet": {
			[]func(*model.State){unseen, status(3, 3, 3), func(s *model.State) { s.Children.Deployment("shop").Generation++ }}, "http",
		},
		"R9 the Deployment is not written yet": {
			[]func(*model.State){unseen, status(3, 3, 3), func(s *model.State) {
				s.Children.Deployment("shop").Annotations["apps.appstack.dev/revision"] = "1"
			}}, "http",
		},
		"R9 the Service has switched, and the operator restarts": {
			[]func(*model.State){unseen, status(1, 1, 0), func(s *model.State) {
				s.Children.Service("shop").Spec.Ports[0].TargetPort = intstr.FromString("web")
			}}, "web",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			state := renaming(t)
			for _, edit := range test.edits {
				edit(&state)
			}
			if got := targetOf(t, state); got != test.want {
				t.Errorf("the Service targets %s, want %s", got, test.want)
			}
		})
	}
}

// TestWhenTemplatesAreNeeded checks that pod templates are read only if they decide what a Service
// targets.
func TestWhenTemplatesAreNeeded(t *testing.T) {
	if !plan.NeedsTemplates(renaming(t)) {
		t.Error("R9 the pods' revisions matter, but are not requested")
	}
	for name, state := range map[string]model.State{
		"a settled stack":  settled(),
		"nothing runs yet": {Stack: Stack("shop")},
		"another image":    during(Image("my-app:unready")),
		"another name":     during(Image("my-app:unready"), portList(v1alpha1.Port{Name: "web", ContainerPort: 80})),
	} {
		if plan.NeedsTemplates(state) {
			t.Errorf("%s: the pods' revisions are requested, but do not matter", name)
		}
	}
}

// during returns the state of a stack during the rollout of its second revision.
func during(options ...Option) model.State {
	world := after()
	world.Apply(With(world.Stack().DeepCopy(), options...))
	world.Settle(3)
	return world.State()
}

// protocols returns the application protocols of the Services in the rollout start's dry run.
func protocols(t *testing.T, move *model.StartRollout) (all []string) {
	t.Helper()
	if move == nil {
		t.Fatal("no rollout starts")
	}
	for _, step := range move.DryRuns {
		form, _ := step.Form.(model.Applied)
		if config, ok := form.Config.(*corev1ac.ServiceApplyConfiguration); ok {
			all = append(all, ptr.Deref(config.Spec.Ports[0].AppProtocol, ""))
		}
	}
	return all
}

// TestTheServiceThatARolloutLeadsToIsTried checks the dry run of ports that change only after the
// rollout has succeeded.
func TestTheServiceThatARolloutLeadsToIsTried(t *testing.T) {
	speaks := func(protocol string) Option {
		return portList(v1alpha1.Port{Name: "http", ContainerPort: 80, AppProtocol: protocol})
	}
	tests := map[string]struct {
		change Option
		want   []string
	}{
		"R4 another protocol":            {speaks("kubernetes.io/h2c"), []string{"kubernetes.io/h2c"}},
		"R4 another image, nothing else": {Image("my-app:2"), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			state := settled(speaks("http"))
			With(state.Stack, test.change)
			if diff := cmp.Diff(test.want, protocols(t, planFor(state).Start)); diff != "" {
				t.Errorf("protocols of Services in the dry run (-want +got):\n%s", diff)
			}
		})
	}

	refuses := func(protocol string) func(model.Step) string {
		return func(step model.Step) string {
			var writes []model.WriteChild
			switch step := step.(type) {
			case model.StartRollout:
				writes = step.DryRuns
			case model.WriteChild:
				writes = []model.WriteChild{step}
			}
			for _, write := range writes {
				form, _ := write.Form.(model.Applied)
				config, ok := form.Config.(*corev1ac.ServiceApplyConfiguration)
				if ok && *config.Spec.Ports[0].AppProtocol == protocol {
					return "appProtocol may not be " + protocol
				}
			}
			return ""
		}
	}
	stalled := func(t *testing.T, world *sim.World) string {
		t.Helper()
		if len(world.Violations()) > 0 {
			t.Error(world.Transcript())
		}
		if found := meta.FindStatusCondition(world.Stack().Status.Conditions, v1alpha1.ConditionStalled); found != nil {
			return found.Reason
		}
		return ""
	}

	t.Run("R4 no rollout starts if the dry run is rejected", func(t *testing.T) {
		world := sim.New()
		world.Apply(Stack("shop", speaks("http")))
		world.Settle(patience)
		world.Refuses = refuses("grpc")
		world.Apply(Stack("shop", speaks("grpc")))
		world.Wait(60)
		if got, revisions := stalled(t, world), len(world.State().Revisions); got != v1alpha1.ReasonRejected || revisions != 1 {
			t.Errorf("the stack is stalled by %q with %d revisions; want Rejected and one", got, revisions)
		}
	})

	t.Run("R9 a rollback is possible if the write is rejected later", func(t *testing.T) {
		world := sim.New()
		world.Apply(Stack("shop", speaks("http")))
		world.Settle(patience)
		world.Apply(Stack("shop", speaks("grpc"), Image("my-app:2")))
		world.Settle(2)
		world.Refuses = refuses("grpc")
		world.Wait(60)
		if got := stalled(t, world); got != v1alpha1.ReasonRejected {
			t.Fatalf("the stack is stalled by %q, want Rejected", got)
		}
		world.Apply(Stack("shop", speaks("http")))
		world.Wait(60)
		if got := stalled(t, world); got != "" {
			t.Errorf("after the rollback the stack is stalled by %s", got)
		}
	})
}
