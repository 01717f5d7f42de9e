// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("a release", func() {
	It("R1 makes a Deployment, a Service, a disruption budget and revision 1 of a new stack, and owns them", func() {
		stack := create()
		moved(1)
		Eventually(func(g Gomega) { g.Expect(owned()).To(HaveLen(4)) }).Should(Succeed())
		for _, object := range owned() {
			Expect(metav1.IsControlledBy(object, stack)).To(BeTrue(), object.GetName())
			Expect(object.GetLabels()).To(HaveKeyWithValue("app.kubernetes.io/managed-by", naming.FieldOwner))
		}
		Expect(*deployment(app).Spec.Replicas).To(Equal(int32(3)))
		Expect(service(app).Spec.Ports).To(HaveLen(1))
		Expect(budget(app).Spec.Selector.MatchLabels).To(Equal(deployment(app).Spec.Selector.MatchLabels))

		stored := find(Default, &appsv1.ControllerRevision{}, "my-app-1")
		Expect(stored.Revision).To(Equal(int64(1)))
	})

	It("R1 records the pod template and the Service as the API server completes them", func() {
		created()
		recorded := content(1)
		Expect(recorded.Components).To(HaveLen(1))
		live := deployment(app).Spec
		Expect(bytesOf(recorded.Components[0].Template)).To(Equal(bytesOf(live.Template)))
		Expect(live.Template.Spec.DNSPolicy).NotTo(BeEmpty(), "a field that the API server defaults")
		Expect(recorded.Components[0].Selector).To(Equal(live.Selector.MatchLabels))
		Expect(recorded.Components[0].Service.Ports).To(Equal(service(app).Spec.Ports))
	})

	It("R3 R5 makes revision 2 of changed content, and tells the rollouts newest first", func() {
		created()
		stack := released(fixture.Image("my-app:2"), fixture.Annotation(v1alpha1.AnnotationChangeCause, "CVE-2026-1"))
		Expect(numbers()).To(Equal([]int64{1, 2}))
		Expect(rollouts(stack)).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		newest := stack.Status.History[0]
		Expect(newest.Cause).To(Equal("CVE-2026-1"))
		Expect(newest.Images).To(Equal([]v1alpha1.ImageStatus{{Component: "main", Image: "my-app:2"}}))
		Expect(newest.StartedAt.IsZero()).To(BeFalse())
		Expect(newest.EndedAt).NotTo(BeNil())
		Expect(newest.EndedAt.Time).NotTo(BeTemporally("<", newest.StartedAt.Time))
		Expect(newest.Message).NotTo(BeEmpty())
		Expect(stack.Status.History[1].Cause).To(BeEmpty())
		Expect(stack.Status.LastGoodRevision).To(Equal(int64(2)))
		Expect(stack.Status.Image).To(Equal("my-app:2"))
	})

	It("R5 calls a rollout that another one overtakes Superseded", func() {
		created()
		change(fixture.Image("my-app:2"))
		moved(2)
		stack := released(fixture.Image("my-app:3"))
		Expect(rollouts(stack)).To(Equal([]string{
			"3 SpecChanged Succeeded", "2 SpecChanged Superseded", "1 SpecChanged Succeeded",
		}))
		Expect(stack.Status.History[1].EndedAt).NotTo(BeNil())
	})

	It("R6 does not take a revision for good of which no pod ran", func() {
		stack := created(fixture.Replicas(0))
		Expect(rollouts(stack)).To(Equal([]string{"1 SpecChanged Succeeded"}))
		Expect(stack.Status.LastGoodRevision).To(BeZero())
	})

	It("R6 keeps a succeeded rollout so, whatever becomes of its pods later", func() {
		created()
		report(app, pods{total: 3, updated: 3})
		Eventually(func(g Gomega) {
			g.Expect(observed(g)).To(haveCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonUnavailable))
		}).Should(Succeed())
		Expect(rollouts(current())).To(Equal([]string{"1 SpecChanged Succeeded"}))
		Expect(current()).NotTo(haveType(v1alpha1.ConditionReconciling))
	})

	It("R3 R4 gives content that comes back the number it had", func() {
		created()
		template := bytesOf(deployment(app).Spec.Template)
		released(fixture.Image("my-app:2"))
		stack := released(fixture.Image("my-app:1"))
		Expect(numbers()).To(Equal([]int64{1, 2}))
		Expect(rollouts(stack)).To(Equal([]string{
			"1 SpecChanged Succeeded", "2 SpecChanged Succeeded", "1 SpecChanged Succeeded",
		}))
		Expect(bytesOf(deployment(app).Spec.Template)).To(Equal(template))
	})

	DescribeTable("R1 is not made of a change in how the stack is operated",
		func(by option, visible func(Gomega, *appsv1.Deployment)) {
			created()
			before := deployment(app).Spec.Template
			change(by)
			Eventually(func(g Gomega) {
				observed(g)
				visible(g, find(g, &appsv1.Deployment{}, app))
			}).Should(Succeed())
			ready()
			Expect(numbers()).To(Equal([]int64{1}))
			Expect(current().Status.History).To(HaveLen(1))
			Expect(bytesOf(deployment(app).Spec.Template)).To(Equal(bytesOf(before)))
		},
		Entry("replicas", fixture.Replicas(5), func(g Gomega, d *appsv1.Deployment) {
			g.Expect(*d.Spec.Replicas).To(Equal(int32(5)))
		}),
		Entry("autoscaling", autoscaled(v1alpha1.Autoscaling{MaxReplicas: 7}), func(g Gomega, _ *appsv1.Deployment) {
			g.Expect(find(g, &autoscalingv2.HorizontalPodAutoscaler{}, app).Spec.MaxReplicas).To(Equal(int32(7)))
		}),
		Entry("disruptionBudget", budgeted(v1alpha1.DisruptionBudget{MinAvailable: ptr.To(intstr.FromInt32(2))}),
			func(g Gomega, _ *appsv1.Deployment) {
				g.Expect(find(g, &policyv1.PodDisruptionBudget{}, app).Spec.MinAvailable).To(Equal(ptr.To(intstr.FromInt32(2))))
			}),
		Entry("rollout", rolledOut(v1alpha1.RolloutPolicy{MinReadySeconds: ptr.To[int32](7)}),
			func(g Gomega, d *appsv1.Deployment) { g.Expect(d.Spec.MinReadySeconds).To(Equal(int32(7))) }),
		Entry("paused", fixture.Paused(true), func(g Gomega, d *appsv1.Deployment) {
			g.Expect(d.Spec.Paused).To(BeTrue())
		}),
		Entry("revisionHistoryLimit", fixture.HistoryLimit(4), func(g Gomega, d *appsv1.Deployment) {
			g.Expect(*d.Spec.RevisionHistoryLimit).To(Equal(int32(4)))
		}),
	)

	DescribeTable("R3 keeps its number when the same content is written otherwise",
		func(before, after option) {
			created(before)
			applied := bytesOf(deployment(app).Spec)
			stack := released(after)
			Expect(stack.Generation).To(BeNumerically(">", 1), "the spec has changed")
			Expect(numbers()).To(Equal([]int64{1}))
			Expect(rollouts(stack)).To(Equal([]string{"1 SpecChanged Succeeded"}))
			Expect(bytesOf(deployment(app).Spec)).To(Equal(applied))
		},
		Entry("components in another order",
			workers("a", "b"), workers("b", "a")),
		Entry("the default protocol named", fixture.Ports(80), func(s *v1alpha1.AppStack) {
			s.Spec.Ports[0].Protocol = corev1.ProtocolTCP
		}),
		Entry("the default servicePort named", fixture.Ports(80), func(s *v1alpha1.AppStack) {
			s.Spec.Ports[0].ServicePort = ptr.To[int32](80)
		}),
		Entry("the main image named by a component", workers("a"), func(s *v1alpha1.AppStack) {
			s.Spec.Components[0].Image = s.Spec.Image
		}),
		Entry("a default of the API server named in podTemplate",
			fixture.PodTemplate(`{"spec":{"tolerations":[{"key":"a","operator":"Equal","effect":"NoSchedule"}]}}`),
			fixture.PodTemplate(`{"spec":{"tolerations":[{"key":"a","operator":"Equal","effect":"NoSchedule"}],"nodeSelector":{}}}`)),
	)

	It("R3 keeps its number when a quantity is written in another unit", func() {
		created(asking("1"))
		patched(`{"spec":{"resources":{"requests":{"cpu":"1000m"}}}}`)
		stack := ready()
		Expect(stack.Generation).To(Equal(int64(2)))
		Expect(numbers()).To(Equal([]int64{1}))
		Expect(rollouts(stack)).To(Equal([]string{"1 SpecChanged Succeeded"}))
	})

	It("R3 is the restarted revision still when its content is written otherwise", func() {
		created()
		released(fixture.RestartedAt(hour(1)))
		template := bytesOf(deployment(app).Spec.Template)
		stack := released(func(s *v1alpha1.AppStack) { s.Spec.Ports[0].Protocol = corev1.ProtocolTCP })
		Expect(bytesOf(deployment(app).Spec.Template)).To(Equal(template), "no pod is replaced")
		Expect(stack.Status.Revision).To(Equal(int64(2)))
		Expect(rollouts(stack)).To(HaveLen(2))
	})

	It("R11 leaves the spec and the metadata of the stack to the user", func() {
		before := create()
		ready()
		after := released(fixture.Image("my-app:2"))
		Expect(after.Generation).To(Equal(int64(2)))
		Expect(after.Annotations).To(Equal(before.Annotations))
		Expect(after.Labels).To(Equal(before.Labels))
		Expect(after.Finalizers).To(BeEmpty())
		for _, entry := range after.ManagedFields {
			if entry.Subresource == "" {
				Expect(entry.Manager).To(Equal(user), entry.FieldsV1.String())
			} else {
				Expect(entry.Subresource).To(Equal("status"))
			}
		}
	})

	It("R11 writes of a Deployment what is its own: one manager, one revision annotation", func() {
		created()
		managers := []string{}
		for _, entry := range deployment(app).ManagedFields {
			if entry.Subresource == "" && !slices.Contains(managers, entry.Manager) {
				managers = append(managers, entry.Manager)
			}
		}
		Expect(managers).To(Equal([]string{naming.FieldOwner}))
	})
})
