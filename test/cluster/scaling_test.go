// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

var _ = Describe("The number of pods", func() {
	replicas := func(ctx context.Context, w scene) func() int32 {
		return func() int32 { return ptr.Deref(w.Deployment(ctx, app).Spec.Replicas, 1) }
	}

	It("stays on the way from replicas to autoscaling to neither (R28)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app)
		w.Apply(stack)
		w.BecomesReady(ctx)

		w.Apply(fixture.With(stack, scaledByItself(2, 5)))
		w.BecomesReady(ctx)
		Eventually(ctx, func() (*autoscalingv2.HorizontalPodAutoscaler, error) {
			return world.Get[autoscalingv2.HorizontalPodAutoscaler](ctx, w.Namespace, app)
		}).Should(HaveField("Spec", And(
			HaveField("ScaleTargetRef", autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: app}),
			HaveField("MinReplicas", HaveValue(BeEquivalentTo(2))),
			HaveField("MaxReplicas", BeEquivalentTo(5)))))
		Consistently(ctx, replicas(ctx, w)).Should(BeEquivalentTo(3))

		w.Apply(fixture.With(stack, notScaled))
		Eventually(ctx, func() error {
			_, err := world.Get[autoscalingv2.HorizontalPodAutoscaler](ctx, w.Namespace, app)
			return err
		}).Should(Satisfy(apierrors.IsNotFound))
		w.BecomesReady(ctx)
		Consistently(ctx, replicas(ctx, w)).Should(BeEquivalentTo(3))
		Expect(w.Revisions(ctx)).To(HaveLen(1))
		Expect(w.ReplicaSets(ctx)).To(HaveLen(1))
	})

	It("is the autoscaler's where there is one (R28)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app)
		w.Apply(stack)
		w.BecomesReady(ctx)
		w.Apply(fixture.With(stack, scaledByItself(4, 6)))
		// the HPA controller syncs every 15 s
		Eventually(ctx, replicas(ctx, w)).WithTimeout(time.Minute).Should(BeEquivalentTo(4))
		w.BecomesReady(ctx)
		Expect(w.ReadyPods(ctx)).To(HaveLen(4))

		w.Kubectl("scale", "deployment/my-app", "--replicas=5")
		Consistently(ctx, replicas(ctx, w)).Should(BeEquivalentTo(5))
		w.BecomesReady(ctx)

		By("releasing a new image in the meantime")
		w.Apply(fixture.With(stack, fixture.Image("my-app:2")))
		w.BecomesReady(ctx)
		Expect(replicas(ctx, w)()).To(BeEquivalentTo(5))
		Expect(w.ReadyPods(ctx)).To(HaveLen(5))
	})

	It("of a Deployment scaled by hand is reverted where replicas says it, and left where nothing does (R28)",
		func(ctx SpecContext) {
			w := newScene(ctx)
			stack := fixture.Stack(app)
			w.Apply(stack)
			w.BecomesReady(ctx)

			w.Kubectl("scale", "deployment/my-app", "--replicas=7")
			Eventually(ctx, replicas(ctx, w)).WithTimeout(5 * time.Second).Should(BeEquivalentTo(3))
			Eventually(ctx, func() int { return len(w.ReadyPods(ctx)) }).Should(Equal(3))

			w.Apply(fixture.With(stack, fixture.Unmanaged()))
			w.BecomesReady(ctx)
			w.Kubectl("scale", "deployment/my-app", "--replicas=7")
			w.Kubectl("rollout", "status", "deployment/my-app", "--timeout=30s")
			Consistently(ctx, replicas(ctx, w)).Should(BeEquivalentTo(7))
			w.BecomesReady(ctx)
			Expect(w.ReadyPods(ctx)).To(HaveLen(7))
		})

	It("has a disruption budget that the cluster accepts, from two pods on", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app)
		w.Apply(stack)
		w.BecomesReady(ctx)
		budget := func() (*policyv1.PodDisruptionBudget, error) {
			return world.Get[policyv1.PodDisruptionBudget](ctx, w.Namespace, app)
		}
		Eventually(ctx, budget).Should(And(
			HaveField("Status.ExpectedPods", BeEquivalentTo(3)), HaveField("Status.DisruptionsAllowed", BeEquivalentTo(1))))

		w.Apply(fixture.With(stack, fixture.Replicas(1)))
		w.BecomesReady(ctx)
		Eventually(ctx, func() error {
			_, err := budget()
			return err
		}).Should(Satisfy(apierrors.IsNotFound))
	})
})
