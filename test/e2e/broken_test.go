// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// rolledBack waits until the stack's newest release has failed, and its last good one serves again (R12, R19).
func (w world) rolledBack(ctx context.Context) *v1alpha1.AppStack {
	GinkgoHelper()
	stack := w.becomes(ctx, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRolledBack)
	w.becomes(ctx, v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonPodsAvailable)
	Eventually(ctx, func() string { return history(w.stack(ctx))[0] }).Should(HaveSuffix("AutoRollback Succeeded"))
	return stack
}

var _ = Describe("a broken release", func() {
	DescribeTable("is detected, explained and rolled back, while the earlier one serves",
		func(ctx SpecContext, change func(*v1alpha1.AppStack), reason any, words string) {
			w := newWorld(ctx, nil)
			w.apply(oneLine("v1", replicas(2)))
			w.becomesReady(ctx)
			Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v1"))
			stop := startLoad(ctx, w.url(app), 20)

			w.apply(oneLine("v1", replicas(2), change))
			stack := w.rolledBack(ctx)
			Expect(stack.Status.Failure).To(HaveValue(And(
				HaveField("Revision", int64(2)), HaveField("Reason", reason), HaveField("Message", MatchRegexp(words)))))
			stop(ctx).losesNothing("a broken release: "+CurrentSpecReport().LeafNodeText, 19)
		},
		Entry("R17 it crashes at start", gate, version("crash-at-start"), v1alpha1.FailureCrashLoopBackOff,
			`exited 3 times.*code 2 \(Error\)(?s:.*)panic: no route to the database`),
		Entry("R17 it never becomes ready", deadline("never-ready"), v1alpha1.FailureProgressDeadlineExceeded, ""),
		Entry("R17 it listens on another port", deadline("wrong-port"), v1alpha1.FailureProgressDeadlineExceeded, ""),
		Entry("R17 it exits on a bad config", func(s *v1alpha1.AppStack) {
			s.Spec.Env = []corev1.EnvVar{{Name: "APP_CONFIG", Value: "no pairs"}}
		}, v1alpha1.FailureCrashLoopBackOff, `code 78(?s:.*)config: APP_CONFIG: "no pairs"`),
		Entry("R17 there is no such image", version("no-such-tag"),
			BeElementOf(v1alpha1.FailureErrImagePull, v1alpha1.FailureImagePullBackOff), "no-such-tag"),
	)

	// It becomes ready, and loses requests when it crashes, which no operator can prevent. The rollout soon stops.
	It("that crashes after a while is also detected, with minReadySeconds (R17)", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		w.apply(oneLine("v1", replicas(2)))
		w.becomesReady(ctx)
		w.apply(oneLine("crash-later", replicas(2), func(s *v1alpha1.AppStack) {
			s.Spec.Rollout = &v1alpha1.RolloutPolicy{MinReadySeconds: ptr.To[int32](20)}
		}))
		stack := w.rolledBack(ctx)
		Expect(stack.Status.Failure).To(HaveValue(And(HaveField("Revision", int64(2)),
			HaveField("Reason", v1alpha1.FailureCrashLoopBackOff), HaveField("Message", ContainSubstring("with code 3")))))
		Expect(w.stack(ctx).Status.History[0].Revision).To(Equal(int64(1)))
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v1"))
	})

	It("does not include one that starts slowly", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		w.apply(oneLine("v1"))
		w.becomesReady(ctx)
		w.patch(`{"spec":{"image":"%sslow-start"}}`, images)
		Expect(history(w.becomesReady(ctx))).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("slow-start"))
	})
})

// version changes the version of the test image.
func version(tag string) func(*v1alpha1.AppStack) {
	return func(s *v1alpha1.AppStack) { s.Spec.Image = images + tag }
}

// deadline sets a version that fails at a short deadline.
func deadline(tag string) func(*v1alpha1.AppStack) {
	return func(s *v1alpha1.AppStack) {
		version(tag)(s)
		s.Spec.Rollout = &v1alpha1.RolloutPolicy{ProgressDeadlineSeconds: ptr.To[int32](20)}
	}
}
