// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"fmt"
	"maps"
	"reflect"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/fixture"
)

// eachChild has an entry for each child of a stack with an autoscaler.
var eachChild = []TableEntry{
	Entry("Deployment", &appsv1.Deployment{}, app),
	Entry("Service", &corev1.Service{}, app),
	Entry("HorizontalPodAutoscaler", &autoscalingv2.HorizontalPodAutoscaler{}, app),
	Entry("PodDisruptionBudget", &policyv1.PodDisruptionBudget{}, app),
}

var _ = Describe("drift", func() {
	DescribeTable("R28 of a Deployment's pod template is put back, with no rollout in the history",
		func(by func(*corev1.PodTemplateSpec)) {
			stack := created()
			before := bytesOf(deployment(app).Spec.Template)
			edit(deployment(app), func(d *appsv1.Deployment) { by(&d.Spec.Template) })
			Eventually(func() string { return bytesOf(deployment(app).Spec.Template) }).Should(Equal(before))
			expectEvent(stack, corev1.EventTypeNormal, v1alpha1.EventDriftRepaired, "spec.template")
			stack = ready()
			Expect(stack.Status.History).To(HaveLen(1))
			Expect(numbers()).To(Equal([]int64{1}))
		},
		Entry("a changed image", func(t *corev1.PodTemplateSpec) { t.Spec.Containers[0].Image = "evil:1" }),
		Entry("the annotation of kubectl rollout restart", func(t *corev1.PodTemplateSpec) {
			t.Annotations = map[string]string{"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
		}),
		Entry("a container added", func(t *corev1.PodTemplateSpec) {
			t.Spec.Containers = append(t.Spec.Containers, corev1.Container{Name: "sidecar", Image: "sidecar:1"})
		}),
		Entry("a variable added", func(t *corev1.PodTemplateSpec) {
			t.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", Value: "b"}}
		}),
		Entry("a label added", func(t *corev1.PodTemplateSpec) { t.Labels["example.com/a"] = "b" }),
		Entry("a probe removed", func(t *corev1.PodTemplateSpec) { t.Spec.Containers[0].ReadinessProbe = nil }),
	)

	DescribeTable("R28 of a child is put back",
		func(object client.Object, by func(client.Object), put func(client.Object) bool) {
			created(autoscaled(v1alpha1.Autoscaling{MaxReplicas: 3}))
			find(Default, object, app)
			edit(object, by)
			Eventually(func() bool { return put(find(Default, object, app)) }).Should(BeTrue())
		},
		Entry("the Deployment's strategy", &appsv1.Deployment{}, func(o client.Object) {
			o.(*appsv1.Deployment).Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
		}, func(o client.Object) bool {
			return o.(*appsv1.Deployment).Spec.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType
		}),
		Entry("the Service's selector", &corev1.Service{}, func(o client.Object) {
			o.(*corev1.Service).Spec.Selector = map[string]string{"a": "b"}
		}, func(o client.Object) bool {
			return maps.Equal(o.(*corev1.Service).Spec.Selector, naming.Selector(app, naming.Main))
		}),
		Entry("the Service's port", &corev1.Service{}, func(o client.Object) {
			o.(*corev1.Service).Spec.Ports[0].Port = 4711
		}, func(o client.Object) bool {
			ports := o.(*corev1.Service).Spec.Ports
			return len(ports) == 1 && ports[0].Port == 80
		}),
		Entry("the Service's targetPort", &corev1.Service{}, func(o client.Object) {
			o.(*corev1.Service).Spec.Ports[0].TargetPort = intstr.FromInt32(81)
		}, func(o client.Object) bool {
			return o.(*corev1.Service).Spec.Ports[0].TargetPort == intstr.FromString("port-80")
		}),
		Entry("the autoscaler's maximum", &autoscalingv2.HorizontalPodAutoscaler{}, func(o client.Object) {
			o.(*autoscalingv2.HorizontalPodAutoscaler).Spec.MaxReplicas = 99
		}, func(o client.Object) bool {
			return o.(*autoscalingv2.HorizontalPodAutoscaler).Spec.MaxReplicas == 3
		}),
		Entry("the budget's number", &policyv1.PodDisruptionBudget{}, func(o client.Object) {
			o.(*policyv1.PodDisruptionBudget).Spec.MaxUnavailable = ptr.To(intstr.FromInt32(3))
		}, func(o client.Object) bool {
			return *o.(*policyv1.PodDisruptionBudget).Spec.MaxUnavailable == intstr.FromInt32(1)
		}),
	)

	DescribeTable("R28 leaves labels and annotations of others alone, through a release",
		func(object client.Object, name string) {
			created(autoscaled(v1alpha1.Autoscaling{MaxReplicas: 3}))
			kept := func(g Gomega) {
				find(g, object, name)
				g.Expect(object.GetLabels()).To(HaveKeyWithValue("example.com/label", "kept"))
				g.Expect(object.GetAnnotations()).To(HaveKeyWithValue("example.com/annotation", "kept"))
			}
			find(Default, object, name)
			edit(object, func(o client.Object) {
				o.SetLabels(with(o.GetLabels(), "example.com/label", "kept"))
				o.SetAnnotations(with(o.GetAnnotations(), "example.com/annotation", "kept"))
			})
			Consistently(kept).Should(Succeed())
			released(fixture.Image("my-app:2"), func(s *v1alpha1.AppStack) { s.Spec.Autoscaling.MaxReplicas = 4 })
			kept(Default)
		}, eachChild)

	DescribeTable("R28 puts its own labels back, among them the one by which the operator finds the object",
		func(object client.Object, name string) {
			created(autoscaled(v1alpha1.Autoscaling{MaxReplicas: 3}))
			for _, label := range []string{"app.kubernetes.io/name", naming.LabelStack} {
				find(Default, object, name)
				uid, labels := object.GetUID(), object.GetLabels()
				Expect(labels).To(HaveKey(label))
				patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:null}}}`, label)
				Expect(k8s.Patch(ctx, object, client.RawPatch(types.MergePatchType, patch))).To(Succeed())
				Eventually(func(g Gomega) {
					find(g, object, name)
					g.Expect(object.GetLabels()).To(Equal(labels))
					g.Expect(object.GetUID()).To(Equal(uid), "the same object")
				}).Should(Succeed())
			}
			Expect(ready().Status.History).To(HaveLen(1))
			Expect(numbers()).To(Equal([]int64{1}))
		}, eachChild)

	It("R28 marks a revision again that lost the label by which the operator finds it", func() {
		created()
		stored := find(Default, &appsv1.ControllerRevision{}, "my-app-1")
		uid := stored.UID
		edit(stored, func(r *appsv1.ControllerRevision) { delete(r.Labels, naming.LabelStack) })
		Eventually(func(g Gomega) {
			g.Expect(find(g, stored, "my-app-1").Labels).To(HaveKeyWithValue(naming.LabelStack, app))
			g.Expect(stored.UID).To(Equal(uid))
		}).Should(Succeed())
		Expect(rollouts(ready())).To(Equal([]string{"1 SpecChanged Succeeded"}))
		Expect(numbers()).To(Equal([]int64{1}))
	})

	It("R28 by kubectl rollout restart is put back, and the event says how to restart all pods", func() {
		stack := created()
		restart := []byte(`{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-01-01T00:00:00Z"}}}}}`)
		Expect(k8s.Patch(ctx, deployment(app), client.RawPatch(types.StrategicMergePatchType, restart),
			client.FieldOwner("kubectl-rollout"))).To(Succeed())
		expectEvent(stack, corev1.EventTypeNormal, v1alpha1.EventDriftRepaired,
			"spec.template.metadata.annotations.kubectl.kubernetes.io/restartedAt was changed by kubectl-rollout and is reverted: "+
				"to restart all pods, set spec.restartedAt of the stack, or run: kubectl appstack restart my-app")
		Expect(deployment(app).Spec.Template.Annotations).NotTo(HaveKey("kubectl.kubernetes.io/restartedAt"))
	})

	DescribeTable("R28 makes a deleted child again, and says so",
		func(object client.Object, name string) {
			stack := created(autoscaled(v1alpha1.Autoscaling{MaxReplicas: 3}))
			uid := find(Default, object, name).GetUID()
			Expect(k8s.Delete(ctx, object)).To(Succeed())
			Eventually(func(g Gomega) { g.Expect(find(g, object, name).GetUID()).NotTo(Equal(uid)) }).Should(Succeed())
			expectEvent(stack, corev1.EventTypeWarning, v1alpha1.EventRecreated,
				fmt.Sprintf("%s my-app was deleted by someone else and is created again", reflect.TypeOf(object).Elem().Name()))
			Expect(ready().Status.History).To(HaveLen(1))
			Expect(numbers()).To(Equal([]int64{1}))
		}, eachChild)

	It("R28 tells a deleted child from those that a change of the stack adds", func() {
		created(fixture.Replicas(1))
		released(fixture.Replicas(2)) // a disruption budget
		released(fixture.Component("worker", 2, nil, "work"))
		released(autoscaled(v1alpha1.Autoscaling{MaxReplicas: 3}), fixture.Image("my-app:2"))
		released(fixture.WithoutComponents())
		stack := released(fixture.Component("worker", 2, nil, "work"))
		expectEvent(stack, corev1.EventTypeNormal, v1alpha1.EventRemoved, "my-app-worker")
		Expect(eventsOf(Default, stack)).NotTo(ContainElement(HaveField("Reason", v1alpha1.EventRecreated)))
	})

	It("R28 leaves alone what others add to a Service", func() {
		created()
		edit(service(app), func(s *corev1.Service) { s.Spec.SessionAffinity = corev1.ServiceAffinityClientIP })
		Consistently(func() corev1.ServiceAffinity { return service(app).Spec.SessionAffinity }).
			Should(Equal(corev1.ServiceAffinityClientIP))
		released(fixture.Image("my-app:2"))
		Expect(service(app).Spec.SessionAffinity).To(Equal(corev1.ServiceAffinityClientIP))
	})

	It("R28 puts its owner reference back", func() {
		stack := created()
		edit(deployment(app), func(d *appsv1.Deployment) { d.OwnerReferences = nil })
		Eventually(func() types.UID {
			for _, owner := range deployment(app).OwnerReferences {
				return owner.UID
			}
			return ""
		}).Should(Equal(stack.UID))
	})
})

func with(values map[string]string, key, value string) map[string]string {
	all := maps.Clone(values)
	if all == nil {
		all = map[string]string{}
	}
	all[key] = value
	return all
}
