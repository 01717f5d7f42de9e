// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"maps"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("adoption", func() {
	// legacy creates a Deployment and a Service that exist before the stack.
	legacy := func(edits ...func(*corev1.Service)) (*appsv1.Deployment, *corev1.Service) {
		GinkgoHelper()
		deployment, service := legacyDeployment(app).(*appsv1.Deployment), legacyService(app).(*corev1.Service)
		for _, edit := range edits {
			edit(service)
		}
		Expect(k8s.Create(ctx, deployment)).To(Succeed())
		Expect(k8s.Create(ctx, service)).To(Succeed())
		report(app, all(2))
		return deployment, service
	}
	port := func(service *corev1.Service) corev1.ServicePort { return service.Spec.Ports[0] }

	It("R26 takes over a Deployment and a Service, and leaves the old pods behind the Service until new ones are ready", func() {
		old, oldService := legacy()
		create(adopting(), fixture.Ports(80))
		stack := moved(1)

		By("replacing the whole template and keeping the immutable selector")
		live := deployment(app)
		Expect(live.UID).To(Equal(old.UID))
		Expect(metav1.IsControlledBy(live, stack)).To(BeTrue())
		Expect(live.Spec.Selector).To(Equal(old.Spec.Selector))
		Expect(live.Spec.Template.Spec.Containers).To(ConsistOf(
			And(HaveField("Name", "app"), HaveField("Image", "my-app:1"))))
		Expect(live.Spec.Template.Annotations).NotTo(HaveKey("old"))
		Expect(live.Spec.Strategy.Type).To(Equal(appsv1.RollingUpdateDeploymentStrategyType))
		Expect(*live.Spec.Replicas).To(Equal(int32(3)))

		By("labeling the pods for the Deployment, the old Service and the stack")
		pod := live.Spec.Template.Labels
		Expect(labels.SelectorFromSet(old.Spec.Selector.MatchLabels).Matches(labels.Set(pod))).To(BeTrue())
		Expect(labels.SelectorFromSet(oldService.Spec.Selector).Matches(labels.Set(pod))).To(BeTrue())
		Expect(pod).To(HaveKeyWithValue(naming.LabelStack, app))
		Expect(content(1).Components[0].Selector).To(Equal(old.Spec.Selector.MatchLabels))
		Expect(labels.Parse(stack.Status.Selector)).To(Satisfy(func(selector labels.Selector) bool {
			return selector.Matches(labels.Set(pod)) && !selector.Empty()
		}))

		By("keeping the Service on the old pods")
		Consistently(func(g Gomega) {
			kept := find(g, &corev1.Service{}, app)
			g.Expect(port(kept).TargetPort).To(Equal(intstr.FromInt32(8080)))
			g.Expect(kept.Spec.Selector).To(Equal(oldService.Spec.Selector))
			g.Expect(kept.OwnerReferences).To(BeEmpty())
		}).Should(Succeed())

		By("adopting the Service once the new pods are ready")
		stack = ready()
		Eventually(func(g Gomega) {
			taken := find(g, &corev1.Service{}, app)
			g.Expect(taken.UID).To(Equal(oldService.UID))
			g.Expect(metav1.IsControlledBy(taken, stack)).To(BeTrue())
			g.Expect(port(taken).TargetPort).To(Equal(intstr.FromString("port-80")))
			g.Expect(taken.Spec.ClusterIP).To(Equal(oldService.Spec.ClusterIP))
			g.Expect(labels.SelectorFromSet(taken.Spec.Selector).Matches(labels.Set(pod))).To(BeTrue())
		}).Should(Succeed())
		expectEvent(stack, corev1.EventTypeNormal, v1alpha1.EventAdopted, "it was there before the stack")
		Expect(rollouts(ready())).To(Equal([]string{"1 SpecChanged Succeeded"}))
	})

	It("R26 keeps the selector in every revision to come, the annotation or not", func() {
		legacy()
		created(adopting())
		change(func(s *v1alpha1.AppStack) { delete(s.Annotations, v1alpha1.AnnotationAdopt) })
		released(fixture.Image("my-app:2"))
		released(fixture.RollbackTo(1, 2))
		Expect(numbers()).To(Equal([]int64{1, 2}))
		for _, number := range numbers() {
			Expect(content(number).Components[0].Selector).To(Equal(legacyLabels))
			Expect(content(number).Components[0].Template.Labels).To(HaveKeyWithValue("app", "legacy"))
		}
		Eventually(func() map[string]string { return service(app).Spec.Selector }).Should(Equal(legacyLabels))
		Expect(budget(app).Spec.Selector.MatchLabels).To(Equal(legacyLabels))
	})

	It("R26 keeps the number of pods where the spec does not name one", func() {
		legacy()
		seen := watchReplicas(app)
		created(adopting(), fixture.Unmanaged())
		Eventually(seen).Should(Equal([]int32{2}))
	})

	It("R26 R30 is refused while the new pods would not be accepted, and nothing is touched", func() {
		old, oldService := legacy()
		create(adopting(), fixture.PodTemplate(`{"spec":{"restartPolicy":"Never"}}`))
		stalled(v1alpha1.ReasonRejected, "spec.template.spec.restartPolicy")
		Expect(bytesOf(deployment(app).Spec)).To(Equal(bytesOf(old.Spec)))
		Expect(service(app).ResourceVersion).To(Equal(oldService.ResourceVersion))
		Expect(numbers()).To(BeEmpty())
	})

	DescribeTable("R26 takes over a Service whose ports are others than the spec's",
		func(by func(*corev1.Service)) {
			legacy(by)
			created(adopting(), ports(v1alpha1.Port{Name: "http", ContainerPort: 8080}))
			Eventually(func(g Gomega) {
				g.Expect(find(g, &corev1.Service{}, app).Spec.Ports).To(ConsistOf(
					And(HaveField("Name", "http"), HaveField("Port", int32(8080)))))
			}, 5*time.Second).Should(Succeed())
			Expect(ready()).NotTo(haveType(v1alpha1.ConditionStalled))
		},
		Entry("another number without a name", func(*corev1.Service) {}),
		Entry("another number of the same name", func(s *corev1.Service) { s.Spec.Ports[0].Name = "http" }),
		Entry("one more, of another name", func(s *corev1.Service) {
			s.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: 8080}, {Name: "admin", Port: 9090}}
		}),
	)

	It("R26 takes over a Service that has no Deployment of its name", func() {
		Expect(k8s.Create(ctx, legacyService(app))).To(Succeed())
		stack := created(adopting(), fixture.Ports(80))
		Eventually(func() bool { return metav1.IsControlledBy(service(app), stack) }).Should(BeTrue())
		Expect(service(app).Spec.Selector).To(Equal(deployment(app).Spec.Selector.MatchLabels))
	})

	It("R9 makes a Service that is not there at the start of the rollout, though the annotation is set", func() {
		create(adopting())
		moved(1)
		Eventually(func(g Gomega) { find(g, &corev1.Service{}, app) }, 5*time.Second).Should(Succeed())
	})

	It("R26 does not take over a Deployment whose selector it cannot keep", func() {
		old := legacyDeployment(app).(*appsv1.Deployment)
		old.Spec.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "app", Operator: metav1.LabelSelectorOpExists},
		}}
		Expect(k8s.Create(ctx, old)).To(Succeed())
		create(adopting())
		stalled(v1alpha1.ReasonNameConflict, "matchExpressions", "delete it with --cascade=orphan")
		Expect(deployment(app).OwnerReferences).To(BeEmpty())
	})

	It("R26 starts when the annotation is added to a stack that a conflict holds up", func() {
		legacy()
		create()
		stalled(v1alpha1.ReasonNameConflict)
		stack := released(adopting())
		Expect(metav1.IsControlledBy(deployment(app), stack)).To(BeTrue())
		Expect(maps.Equal(deployment(app).Spec.Selector.MatchLabels, legacyLabels)).To(BeTrue())
	})
})
