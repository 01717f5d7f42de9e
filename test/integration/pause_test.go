// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("pause", func() {
	held := func(g Gomega) {
		g.Expect(observed(g)).To(haveCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPaused))
		g.Expect(observed(g)).To(haveCondition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonPaused))
	}

	It("R16a starts no rollout of changed content, and lets the pods be scaled", func() {
		created()
		before := bytesOf(deployment(app).Spec.Template)
		change(fixture.Paused(true), fixture.Image("my-app:2"))
		Eventually(held).Should(Succeed())
		change(fixture.Replicas(5))
		Eventually(func() int32 { return *deployment(app).Spec.Replicas }).Should(Equal(int32(5)))
		Eventually(held).Should(Succeed())
		Expect(numbers()).To(Equal([]int64{1}))
		Expect(bytesOf(deployment(app).Spec.Template)).To(Equal(before))

		stack := released(fixture.Paused(false))
		Expect(rollouts(stack)[0]).To(Equal("2 SpecChanged Succeeded"))
		Expect(deployment(app).Spec.Paused).To(BeFalse())
	})

	It("R16a makes nothing of a new stack until it is lifted", func() {
		create(fixture.Paused(true))
		Eventually(held).Should(Succeed())
		Consistently(owned).Should(BeEmpty())
		released(fixture.Paused(false))
		Expect(numbers()).To(Equal([]int64{1}))
	})

	It("R16a stops a rollout that is under way, and ends none", func() {
		created()
		change(fixture.Image("my-app:2"))
		moved(2)
		change(fixture.Paused(true))
		Eventually(func() bool { return deployment(app).Spec.Paused }).Should(BeTrue())
		report(app, all(3))
		Eventually(held).Should(Succeed())
		Consistently(held).Should(Succeed())
		Expect(rollouts(current())[0]).To(Equal("2 SpecChanged Progressing"))
		stack := released(fixture.Paused(false))
		Expect(rollouts(stack)[0]).To(Equal("2 SpecChanged Succeeded"))
	})

	It("R16a starts no rollback", func() {
		created()
		released(fixture.Image("my-app:2"))
		change(fixture.Paused(true), fixture.RollbackTo(1, 0))
		Eventually(held).Should(Succeed())
		Expect(current().Status.Revision).To(Equal(int64(2)))
		stack := released(fixture.Paused(false))
		Expect(stack.Status.Revision).To(Equal(int64(1)))
	})

	It("R16a is no obstacle to being Ready while nothing is due", func() {
		created()
		change(fixture.Paused(true))
		Eventually(func() bool { return deployment(app).Spec.Paused }).Should(BeTrue())
		report(app, all(3))
		stack := ready()
		Expect(stack).NotTo(haveType(v1alpha1.ConditionReconciling))
	})
})

var _ = Describe("a restart", func() {
	It("R16a makes a new revision of the same content where restartedAt is later than any before", func() {
		created()
		before := deployment(app).Spec.Template
		stack := released(fixture.RestartedAt(hour(2)))
		Expect(rollouts(stack)).To(Equal([]string{"2 Restart Succeeded", "1 SpecChanged Succeeded"}))
		after := deployment(app).Spec.Template
		Expect(after.Annotations).To(HaveKeyWithValue(naming.AnnotationRestartedAt, "2026-01-01T02:00:00Z"))
		delete(after.Annotations, naming.AnnotationRestartedAt)
		before.Annotations = map[string]string{}
		Expect(bytesOf(after)).To(Equal(bytesOf(before)), "nothing else differs")

		By("a later time")
		stack = released(fixture.RestartedAt(hour(3)))
		Expect(rollouts(stack)[0]).To(Equal("3 Restart Succeeded"))
	})

	DescribeTable("R16a does nothing where restartedAt is not later",
		func(by option) {
			created()
			released(fixture.RestartedAt(hour(2)))
			before := bytesOf(deployment(app).Spec.Template)
			stack := released(by)
			Expect(stack.Status.History).To(HaveLen(2))
			Expect(numbers()).To(Equal([]int64{1, 2}))
			Expect(bytesOf(deployment(app).Spec.Template)).To(Equal(before))
		},
		Entry("it is removed", func(s *v1alpha1.AppStack) { s.Spec.RestartedAt = nil }),
		Entry("it is lowered", fixture.RestartedAt(hour(1))),
		Entry("it is removed and set to the same again", func(s *v1alpha1.AppStack) {
			s.Spec.RestartedAt = ptr.To(metav1.NewTime(hour(2).Local()))
			fixture.Annotation("example.com/touched", "1")(s)
			fixture.Replicas(4)(s)
		}),
	)

	It("R16a does not count in a stack's first revision", func() {
		stack := created(fixture.RestartedAt(hour(2)))
		Expect(rollouts(stack)).To(Equal([]string{"1 SpecChanged Succeeded"}))
		Expect(deployment(app).Spec.Template.Annotations).NotTo(HaveKey(naming.AnnotationRestartedAt))
		released(fixture.RestartedAt(hour(1)))
		Expect(numbers()).To(Equal([]int64{1}))
		stack = released(fixture.RestartedAt(hour(3)))
		Expect(rollouts(stack)[0]).To(Equal("2 Restart Succeeded"))
	})

	It("R16a waits while a rollback holds", func() {
		created()
		released(fixture.Image("my-app:2"))
		released(fixture.RollbackTo(1, 0))
		stack := released(fixture.RestartedAt(hour(2)))
		Expect(stack.Status.Revision).To(Equal(int64(1)))
		Expect(numbers()).To(Equal([]int64{1, 2}))
		stack = released(fixture.NoRollback())
		Expect(rollouts(stack)[0]).To(Equal("3 Restart Succeeded"))
		Expect(stack.Status.Image).To(Equal("my-app:2"))
	})

	It("R16a of content that was restarted leads back to the restarted revision", func() {
		created()
		released(fixture.RestartedAt(hour(2)))
		released(fixture.Image("my-app:2"))
		stack := released(fixture.Image("my-app:1"))
		Expect(stack.Status.Revision).To(Equal(int64(2)))
		Expect(numbers()).To(Equal([]int64{1, 2, 3}))
	})
})
