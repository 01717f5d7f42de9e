// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	. "github.com/appstack-dev/appstack/test/fixture"
)

func TestDrift(t *testing.T) {
	const was = "was changed by someone else and is reverted"
	shop := func(edit func(*appsv1.Deployment)) func(*model.State) {
		return func(s *model.State) { edit(s.Children.Deployment("shop")) }
	}
	service := func(edit func(*corev1.Service)) func(*model.State) {
		return func(s *model.State) { edit(s.Children.Service("shop")) }
	}
	tests := map[string]struct {
		edit func(*model.State)
		want string
	}{
		"R28 another image": {
			shop(func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "other" }),
			"Update Deployment shop: Deployment shop: spec.template.spec.containers[app].image " + was +
				": to run another image, set it in the stack's spec",
		},
		"R28 an addition to the template": {
			shop(func(d *appsv1.Deployment) { d.Spec.Template.Annotations = map[string]string{"injected": "yes"} }),
			"Update Deployment shop: Deployment shop: spec.template.metadata.annotations.injected " + was,
		},
		"R28 kubectl rollout restart": {
			shop(func(d *appsv1.Deployment) {
				d.Spec.Template.Annotations = map[string]string{"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
			}),
			"Update Deployment shop: Deployment shop: spec.template.metadata.annotations.kubectl.kubernetes.io/restartedAt " + was +
				": to restart all pods, set spec.restartedAt of the stack, or run: kubectl appstack restart shop",
		},
		"R28 a container added": {
			shop(func(d *appsv1.Deployment) {
				d.Spec.Template.Spec.Containers = append(d.Spec.Template.Spec.Containers, corev1.Container{Name: "sidecar"})
			}),
			"Update Deployment shop: Deployment shop: spec.template.spec.containers[sidecar] " + was,
		},
		"R28 a probe removed": {
			shop(func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].ReadinessProbe = nil }),
			"Update Deployment shop: Deployment shop: spec.template.spec.containers[app].readinessProbe " + was,
		},
		"R28 annotations replaced, the operator's among them": {
			shop(func(d *appsv1.Deployment) { d.Annotations = map[string]string{"theirs": "a"} }),
			"Update Deployment shop: Deployment shop: metadata.annotations.apps.appstack.dev/config-hash " + was,
		},
		"R28 another number of pods": {
			shop(func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](9) }),
			"Update Deployment shop: Deployment shop: spec.replicas " + was +
				": to run another number of pods, scale the stack, or leave replicas out of its spec",
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
			func(s *model.State) { s.Children.Remove(model.KindService, "shop") },
			"Create Service shop: Service shop was deleted by someone else and is created again: its cluster IP may have changed",
		},
		"R28 a budget changed": {
			func(s *model.State) {
				s.Children.Find("PodDisruptionBudget", "shop").(*policyv1.PodDisruptionBudget).Spec.UnhealthyPodEvictionPolicy = nil
			},
			"Update PodDisruptionBudget shop: PodDisruptionBudget shop: spec.unhealthyPodEvictionPolicy " + was,
		},
		"R26 a child without controller": {
			shop(func(d *appsv1.Deployment) { d.OwnerReferences = nil }),
			"Update Deployment shop: Deployment shop is adopted: it has the stack's labels and no controller",
		},
		"R26 a revision without controller": {
			func(s *model.State) { s.Revisions[0].Orphan = true },
			"Update ControllerRevision shop-1: adopted: it has the stack's labels and no controller",
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

// TestPortsInTheWay checks when a write takes ownership of all ports of a Service: otherwise a port
// of the stack whose number somebody changed would stay next to the right one.
func TestPortsInTheWay(t *testing.T) {
	tests := map[string]struct {
		edit func(*corev1.Service)
		want bool
	}{
		"R28 a port of the stack's with another number":   {func(s *corev1.Service) { s.Spec.Ports[0].Port = 8080 }, true},
		"R28 a port of the stack's with another protocol": {func(s *corev1.Service) { s.Spec.Ports[0].Protocol = corev1.ProtocolUDP }, true},
		"R28 another target":                              {func(s *corev1.Service) { s.Spec.Ports[0].TargetPort = intstr.FromInt32(1) }, false},
		"R28 a port of others, and another selector": {func(s *corev1.Service) {
			s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: "theirs", Port: 99, Protocol: corev1.ProtocolTCP})
			s.Spec.Selector = nil
		}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			state := settled()
			test.edit(state.Children.Service("shop"))
			steps := planFor(state).Steps
			if len(steps) != 1 || steps[0].(model.WriteChild).Form.(model.Applied).TakesPorts != test.want {
				t.Errorf("steps are %+v, want one with TakesPorts %v", steps, test.want)
			}
		})
	}
}

// TestAcceptedAnswers checks that changes by the API server, such as a mutating webhook's addition,
// are not drift and cause no second write.
func TestAcceptedAnswers(t *testing.T) {
	state := settled()
	deployment := state.Children.Deployment("shop")
	asked := deployment.Annotations[naming.AnnotationConfigHash]
	deployment.Spec.Template.Annotations = map[string]string{"injected": "by a webhook"}
	state.LastWrites = map[types.UID]model.LastWrite{
		deployment.UID: {Asked: asked, Answered: Fingerprint(deployment)},
	}
	if steps := stepsOf(state); len(steps) > 0 {
		t.Errorf("the accepted answer is overwritten: %v", steps)
	}
	deployment.Spec.Template.Annotations["by"] = "hand"
	if steps := stepsOf(state); len(steps) != 1 {
		t.Errorf("R28 a later change is not reverted: %v", steps)
	}
}

// TestARefusedMoveStopsNoUpkeep checks that drift is repaired while the start of a rollout is
// rejected.
func TestARefusedMoveStopsNoUpkeep(t *testing.T) {
	state := settled()
	With(state.Stack, Image("my-app:2"), Replicas(9))
	state.Children.Remove(model.KindService, "shop")
	want := []string{
		"Move: Create ControllerRevision shop-2: revision 2: the spec's content changed",
		"Update Deployment shop: the stack's spec changed it",
		"Create Service shop: Service shop was deleted by someone else and is created again: its cluster IP may have changed",
	}
	if diff := cmp.Diff(want, stepsOf(state)); diff != "" {
		t.Errorf("R28 steps (-want +got):\n%s", diff)
	}
}

func TestAnAutoscalerGetsPodsToWorkWith(t *testing.T) {
	state := settled(Replicas(0))
	With(state.Stack, Unmanaged(), func(s *v1alpha1.AppStack) {
		s.Spec.Autoscaling = &v1alpha1.Autoscaling{MinReplicas: ptr.To[int32](2), MaxReplicas: 4}
	})
	for _, step := range planFor(state).Steps {
		if deployment := Written(step); deployment != nil && ptr.Deref(deployment.Spec.Replicas, 0) == 2 {
			return
		}
	}
	t.Error("R28 the Deployment stays at 0 replicas, where an autoscaler does nothing")
}

func TestADeploymentDeletedDuringAPauseComesBackWithPods(t *testing.T) {
	state := settled(Paused(false))
	With(state.Stack, Paused(true))
	state.Children.Remove(model.KindDeployment, "shop")
	steps := planFor(state).Steps
	if len(steps) != 1 || steps[0].Verb() != "Create" || Written(steps[0]).Spec.Paused {
		t.Errorf("R28 steps %v, want one that creates a Deployment which is not paused", steps)
	}
}
