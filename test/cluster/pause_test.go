// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

var _ = Describe("A paused stack", func() {
	It("rolls nothing out, scales, and goes on when paused is removed (R16a)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app)
		w.Apply(stack)
		w.BecomesReady(ctx)
		sets := w.ReplicaSets(ctx)

		w.Apply(fixture.With(stack, fixture.Paused(true)))
		w.BecomesReady(ctx) // nothing is left to roll out
		w.Apply(fixture.With(stack, fixture.Image("my-app:2")))
		w.Becomes(ctx, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPaused)
		Consistently(ctx, func(g Gomega) {
			g.Expect(w.ReplicaSets(ctx)).To(ConsistOf(sets))
			g.Expect(w.Revisions(ctx)).To(HaveLen(1))
		}).Should(Succeed())

		w.Kubectl("scale", "appstack/my-app", "--replicas=5")
		Eventually(ctx, func() int { return len(w.ReadyPods(ctx)) }).Should(Equal(5))
		Expect(w.ReplicaSets(ctx)).To(ConsistOf(sets))
		w.Becomes(ctx, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPaused)
		w.Becomes(ctx, v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonPodsAvailable)

		w.Apply(fixture.With(stack, fixture.Paused(false), fixture.Replicas(5)))
		after := w.BecomesReady(ctx)
		Expect(world.History(after)).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		Expect(w.ReadyPods(ctx)).To(And(HaveLen(5), HaveEach(HaveField("Spec.Containers", ConsistOf(HaveField("Image", "my-app:2"))))))
	})

	It("stops a rollout that is under way, and goes on with it (R16a)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app, fixture.Replicas(6))
		w.Apply(stack)
		w.BecomesReady(ctx)

		w.Apply(fixture.With(stack, fixture.Image("my-app:2"), slowStart("3s")))
		updated := func() int32 { return w.Deployment(ctx, app).Status.UpdatedReplicas }
		w.IsHalfWayTo(ctx, "my-app:2")
		w.Apply(fixture.With(stack, fixture.Paused(true)))
		Eventually(ctx, func(g Gomega) {
			deployment := w.Deployment(ctx, app)
			g.Expect(deployment.Spec.Paused).To(BeTrue())
			g.Expect(deployment.Status.ObservedGeneration).To(Equal(deployment.Generation))
			// changes in flight are complete and counted
			for _, set := range world.List[appsv1.ReplicaSetList](ctx, w.Namespace).Items {
				g.Expect(set.Status.ObservedGeneration).To(Equal(set.Generation))
				g.Expect(set.Spec.Replicas).To(HaveValue(Equal(set.Status.Replicas)))
				if set.Spec.Template.Spec.Containers[0].Image == "my-app:2" {
					g.Expect(deployment.Status.UpdatedReplicas).To(Equal(set.Status.Replicas))
				}
			}
			// so that only the pause stops the rollout
			g.Expect(deployment.Status.AvailableReplicas).To(Equal(deployment.Status.Replicas))
		}).Should(Succeed())
		held := updated()
		Expect(held).To(BeNumerically("<", 6), "the rollout was over already")
		Consistently(ctx, updated).WithTimeout(3 * time.Second).Should(Equal(held))
		w.Becomes(ctx, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPaused)

		w.Apply(fixture.With(stack, fixture.Paused(false)))
		after := w.BecomesReady(ctx)
		Expect(world.History(after)).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
	})
})

var _ = Describe("A restart", func() {
	It("replaces all pods by those of a new revision of the same content (R16a)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app, fixture.Component("worker", 1, nil, "work"), withoutProbeDelay)
		w.Apply(stack)
		w.BecomesReady(ctx)
		pods := world.UIDs(w.Pods(ctx))
		at := time.Now().Truncate(time.Second)

		w.Apply(fixture.With(stack, fixture.RestartedAt(at)))
		after := w.BecomesReady(ctx)
		Expect(world.History(after)).To(Equal([]string{"2 Restart Succeeded", "1 SpecChanged Succeeded"}))
		Eventually(ctx, func() int { return len(w.Pods(ctx)) }).Should(Equal(4))
		Expect(world.UIDs(w.ReadyPods(ctx))).To(And(HaveLen(4), Not(ContainElements(pods))))
		Expect(w.ReplicaSets(ctx)).To(HaveLen(4))

		By("lowering and removing restartedAt, which does nothing")
		sets := w.ReplicaSets(ctx)
		w.Apply(fixture.With(stack, fixture.RestartedAt(at.Add(-time.Hour))))
		w.BecomesReady(ctx)
		w.Apply(fixture.With(stack, func(s *v1alpha1.AppStack) { s.Spec.RestartedAt = nil }))
		after = w.BecomesReady(ctx)
		Expect(world.History(after)).To(HaveLen(2))
		Expect(w.ReplicaSets(ctx)).To(ConsistOf(sets))

		By("changing the content, which is not a restart")
		w.Apply(fixture.With(stack, fixture.Image("my-app:2")))
		after = w.BecomesReady(ctx)
		Expect(world.History(after)[0]).To(Equal("3 SpecChanged Succeeded"))
	})
})
