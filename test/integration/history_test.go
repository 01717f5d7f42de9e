// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("the history", func() {
	image := func(n int) option { return fixture.Image(fmt.Sprintf("my-app:%d", n)) }

	It("R8 keeps the number of revisions that the stack asks for, and R3 uses no number twice", func() {
		created(fixture.HistoryLimit(2))
		for n := 2; n <= 4; n++ {
			released(image(n))
		}
		Eventually(numbers).Should(Equal([]int64{3, 4}))
		Expect(*deployment(app).Spec.RevisionHistoryLimit).To(Equal(int32(2)))

		By("content whose revision was pruned")
		released(image(1))
		Eventually(numbers).Should(Equal([]int64{4, 5}))
	})

	It("R8 keeps ten where the stack does not say", func() {
		created()
		for n := 2; n <= 12; n++ {
			released(image(n))
		}
		Eventually(numbers).Should(Equal([]int64{3, 4, 5, 6, 7, 8, 9, 10, 11, 12}))
	})

	It("R8 prunes at once when the limit is lowered", func() {
		created()
		released(image(2))
		released(image(3))
		change(fixture.HistoryLimit(1))
		Eventually(numbers).Should(Equal([]int64{3}))
	})

	It("R8 keeps the revisions that a rollback names, though it does not hold", func() {
		created(fixture.HistoryLimit(1))
		change(image(2))
		moved(2)
		released(fixture.RollbackTo(1, 2))
		released(image(3))
		Consistently(numbers).Should(Equal([]int64{1, 2, 3}))
		released(fixture.NoRollback())
		Eventually(numbers).Should(Equal([]int64{3}))
	})

	It("R8 keeps the highest number, so that R3 no number comes twice", func() {
		created()
		released(image(2))
		released(image(3))
		released(fixture.RollbackTo(1, 0))
		change(fixture.HistoryLimit(1))
		Eventually(numbers).Should(Equal([]int64{1, 3}))
		stack := released(fixture.NoRollback(), image(4))
		Expect(stack.Status.Revision).To(Equal(int64(4)))
		Eventually(numbers).Should(Equal([]int64{4}))
	})

	It("R8 keeps the last good revision while others are tried", func() {
		created(fixture.HistoryLimit(1))
		for n := int64(2); n <= 4; n++ {
			change(image(int(n)))
			stack := moved(n)
			Expect(stack.Status.LastGoodRevision).To(Equal(int64(1)))
			Expect(numbers()).To(ContainElements(int64(1), n))
		}
		released()
		Eventually(numbers).Should(Equal([]int64{4}))
	})

	It("R5 is rebuilt whole when the status is lost", func() {
		created(fixture.Annotation(v1alpha1.AnnotationChangeCause, "first"))
		released(image(2))
		change(image(3))
		moved(3)
		before := released(fixture.RollbackTo(1, 3))
		Expect(before.Status.History).To(HaveLen(4))

		lost := current()
		lost.Status = v1alpha1.AppStackStatus{}
		Expect(k8s.Status().Update(ctx, lost)).To(Succeed())
		after := ready()
		Expect(after.Status.History).To(Equal(before.Status.History))
		for i := range before.Status.Conditions {
			before.Status.Conditions[i].LastTransitionTime = metav1.Time{}
		}
		for i := range after.Status.Conditions {
			after.Status.Conditions[i].LastTransitionTime = metav1.Time{}
		}
		Expect(after.Status).To(Equal(before.Status))
	})

	It("R1 keeps what a revision decides immutable", func() {
		created()
		stored := find(Default, &appsv1.ControllerRevision{}, "my-app-1")
		stored.Data.Raw = []byte(`{"components":[]}`)
		Expect(k8s.Update(ctx, stored)).To(MatchError(ContainSubstring("field is immutable")))
	})

	It("shows at most twenty rollouts", func() {
		created()
		released(image(2))
		for range 10 {
			change(image(1))
			moved(1)
			change(image(2))
			moved(2)
		}
		Expect(current().Status.History).To(HaveLen(20))
		Expect(numbers()).To(Equal([]int64{1, 2}))
	})
})
