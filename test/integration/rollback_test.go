// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("a rollback", func() {
	It("R7 R10 runs the very template of the revision it names, until it is removed", func() {
		created()
		first := bytesOf(deployment(app).Spec.Template)
		released(fixture.Image("my-app:2"))
		released(fixture.Image("my-app:3"))

		stack := released(fixture.RollbackTo(1, 0))
		Expect(stack.Status.Revision).To(Equal(int64(1)))
		Expect(bytesOf(deployment(app).Spec.Template)).To(Equal(first))
		Expect(bytesOf(content(1).Components[0].Template)).To(Equal(first))
		Expect(numbers()).To(Equal([]int64{1, 2, 3}))
		Expect(rollouts(stack)[0]).To(Equal("1 Rollback Succeeded"))

		By("staying in effect when the content changes")
		stack = released(fixture.Image("my-app:4"))
		Expect(stack.Status.Revision).To(Equal(int64(1)))
		Expect(numbers()).To(Equal([]int64{1, 2, 3}))
		Expect(stack.Status.History).To(HaveLen(4))

		By("releasing the content once the rollback is removed")
		stack = released(fixture.NoRollback())
		Expect(rollouts(stack)[0]).To(Equal("4 SpecChanged Succeeded"))
		Expect(stack.Status.Image).To(Equal("my-app:4"))
	})

	It("R10 with fromRevision gives way to changed content, and engages again when that content comes back", func() {
		created()
		released(fixture.Image("my-app:2"))
		stack := released(fixture.RollbackTo(1, 2))
		Expect(stack.Status.Revision).To(Equal(int64(1)))

		By("staying in effect while only operational fields change")
		stack = released(fixture.Replicas(2))
		Expect(stack.Status.Revision).To(Equal(int64(1)))
		Expect(*deployment(app).Spec.Replicas).To(Equal(int32(2)))

		By("releasing changed content despite the rollback")
		stack = released(fixture.Image("my-app:3"))
		Expect(rollouts(stack)[0]).To(Equal("3 SpecChanged Succeeded"))

		By("rolling back again when the content of fromRevision returns")
		stack = released(fixture.Image("my-app:2"))
		Expect(rollouts(stack)[0]).To(Equal("1 Rollback Succeeded"))
		Expect(numbers()).To(Equal([]int64{1, 2, 3}))
	})

	It("R10 has the cause that it is given, and the revision keeps its own", func() {
		created(fixture.Annotation(v1alpha1.AnnotationChangeCause, "first"))
		released(fixture.Image("my-app:2"))
		stack := released(fixture.RollbackTo(1, 2), fixture.Because("checkout fails"))
		Expect(stack.Status.History[0].Cause).To(Equal("checkout fails"))
		Expect(stack.Status.History[2].Cause).To(Equal("first"))

		By("surviving a lost status")
		stack.Status = v1alpha1.AppStackStatus{}
		Expect(k8s.Status().Update(ctx, stack)).To(Succeed())
		Expect(ready().Status.History[0].Cause).To(Equal("checkout fails"))
	})

	DescribeTable("R15 to or from a revision that does not exist changes nothing that runs",
		func(to, from int64, field string) {
			created()
			released(fixture.Image("my-app:2"))
			before := deployment(app)
			change(fixture.RollbackTo(to, from), fixture.Image("my-app:3"))
			stack := stalled(v1alpha1.ReasonRevisionNotFound, field+" names revision 9", "name one of 1, 2, or remove rollback")
			Expect(stack.Status.Revision).To(Equal(int64(2)))
			Expect(stack).To(haveCondition(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonPodsAvailable))
			Consistently(func() string { return deployment(app).ResourceVersion }).Should(Equal(before.ResourceVersion))
			Expect(numbers()).To(Equal([]int64{1, 2}))

			stack = released(fixture.NoRollback())
			Expect(rollouts(stack)[0]).To(Equal("3 SpecChanged Succeeded"))
			Expect(stack).NotTo(haveType(v1alpha1.ConditionStalled))
		},
		Entry("to", int64(9), int64(0), "rollback.toRevision"),
		Entry("from", int64(1), int64(9), "rollback.fromRevision"),
	)

	It("R15 of a stack that never ran says that there is no revision yet", func() {
		create(fixture.RollbackTo(1, 0))
		stalled(v1alpha1.ReasonRevisionNotFound, "there is no revision yet")
		Consistently(owned).Should(BeEmpty())
	})

	DescribeTable("R10 to the revision that runs, or is being rolled out, starts no rollout",
		func(settle func() *v1alpha1.AppStack) {
			created()
			change(fixture.Image("my-app:2"))
			moved(2)
			before := len(settle().Status.History)
			change(fixture.RollbackTo(2, 0))
			stack := ready()
			Expect(stack.Status.History).To(HaveLen(before))
			Expect(rollouts(stack)[0]).To(Equal("2 SpecChanged Succeeded"))
		},
		Entry("runs", ready),
		Entry("is being rolled out", func() *v1alpha1.AppStack { return moved(2) }),
	)

	It("R10 can overtake a rollout that has not ended", func() {
		created()
		change(fixture.Image("broken"))
		moved(2)
		stack := released(fixture.RollbackTo(1, 2))
		Expect(rollouts(stack)).To(Equal([]string{
			"1 Rollback Succeeded", "2 SpecChanged Superseded", "1 SpecChanged Succeeded",
		}))
	})

	It("R16 restores a component with the way it was last run, and removes one that the revision does not have", func() {
		created(fixture.Component("worker", 2, func(c *v1alpha1.Component) {
			c.DisruptionBudget = &v1alpha1.DisruptionBudget{MinAvailable: ptr.To(intstr.FromInt32(1))}
		}, "work"))
		template := bytesOf(deployment(worker).Spec.Template)
		released(func(s *v1alpha1.AppStack) { s.Spec.Components[0].Replicas = ptr.To[int32](6) })

		released(fixture.WithoutComponents(), fixture.Component("mailer", 1, nil, "mail"))
		Eventually(gone(&appsv1.Deployment{}, worker)).Should(BeTrue())
		Expect(*deployment("my-app-mailer").Spec.Replicas).To(Equal(int32(1)))

		stack := released(fixture.RollbackTo(1, 2))
		Expect(bytesOf(deployment(worker).Spec.Template)).To(Equal(template))
		Expect(*deployment(worker).Spec.Replicas).To(Equal(int32(6)), "the last number of replicas")
		Expect(*budget(worker).Spec.MinAvailable).To(Equal(intstr.FromInt32(1)))
		Eventually(gone(&appsv1.Deployment{}, "my-app-mailer")).Should(BeTrue())
		Expect(stack.Status.Components).To(ConsistOf(HaveField("Name", "main"), HaveField("Name", "worker")))
		Expect(stack.Status.ReadySummary).To(Equal("9/9"))

		By("releasing the spec again")
		released(fixture.NoRollback())
		Expect(*deployment("my-app-mailer").Spec.Replicas).To(Equal(int32(1)))
		Eventually(gone(&appsv1.Deployment{}, worker)).Should(BeTrue())
	})

	It("R16 ignores a component that only the spec has while it holds, and follows the spec in how the others are run", func() {
		created()
		released(fixture.Image("my-app:2"))
		released(fixture.RollbackTo(1, 0))
		stack := released(fixture.Component("worker", 1, nil, "work"), fixture.Replicas(4))
		Expect(*deployment(app).Spec.Replicas).To(Equal(int32(4)))
		Consistently(gone(&appsv1.Deployment{}, worker)).Should(BeTrue())
		Expect(stack.Status.Components).To(HaveLen(1))

		released(fixture.NoRollback())
		Expect(deployment(worker).Spec.Template.Spec.Containers[0].Args).To(Equal([]string{"work"}))
	})

	It("R10 brings back the Service of the revision", func() {
		created(fixture.Ports(80))
		released(fixture.Ports(8080))
		released(fixture.RollbackTo(1, 0))
		Eventually(func(g Gomega) {
			g.Expect(service(app).Spec.Ports).To(ConsistOf(HaveField("Port", int32(80))))
		}).Should(Succeed())
	})
})
