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
)

var _ = Describe("The number of pods", func() {
	replicas := func(ctx context.Context, w world) func() int32 {
		return func() int32 { return ptr.Deref(w.deployment(ctx, app).Spec.Replicas, 1) }
	}

	It("stays on the way from replicas to autoscaling to neither (R28)", func(ctx SpecContext) {
		w := newWorld(ctx)
		stack := fixture.Stack(app)
		w.apply(stack)
		w.becomesReady(ctx)

		w.apply(fixture.With(stack, scaledByItself(2, 5)))
		w.becomesReady(ctx)
		scaler, err := get[autoscalingv2.HorizontalPodAutoscaler](ctx, w.namespace, app)
		Expect(err).NotTo(HaveOccurred())
		Expect(scaler.Spec.ScaleTargetRef).To(Equal(autoscalingv2.CrossVersionObjectReference{
			APIVersion: "apps/v1", Kind: "Deployment", Name: app,
		}))
		Expect(scaler.Spec.MinReplicas).To(HaveValue(BeEquivalentTo(2)))
		Expect(scaler.Spec.MaxReplicas).To(BeEquivalentTo(5))
		Consistently(ctx, replicas(ctx, w)).Should(BeEquivalentTo(3))

		w.apply(fixture.With(stack, notScaled))
		Eventually(ctx, func() error {
			_, err := get[autoscalingv2.HorizontalPodAutoscaler](ctx, w.namespace, app)
			return err
		}).Should(Satisfy(apierrors.IsNotFound))
		w.becomesReady(ctx)
		Consistently(ctx, replicas(ctx, w)).Should(BeEquivalentTo(3))
		Expect(w.revisions(ctx)).To(HaveLen(1))
		Expect(w.replicaSets(ctx)).To(HaveLen(1))
	})

	It("is the autoscaler's where there is one (R28)", func(ctx SpecContext) {
		w := newWorld(ctx)
		stack := fixture.Stack(app)
		w.apply(stack)
		w.becomesReady(ctx)
		w.apply(fixture.With(stack, scaledByItself(4, 6)))
		// the autoscaler of Kubernetes looks every 15 s
		Eventually(ctx, replicas(ctx, w)).WithTimeout(time.Minute).Should(BeEquivalentTo(4))
		w.becomesReady(ctx)
		Expect(w.readyPods(ctx)).To(HaveLen(4))

		w.kubectl("scale", "deployment/my-app", "--replicas=5")
		Consistently(ctx, replicas(ctx, w)).Should(BeEquivalentTo(5))
		w.becomesReady(ctx)

		By("releasing something new meanwhile")
		w.apply(fixture.With(stack, fixture.Image("my-app:2")))
		w.becomesReady(ctx)
		Expect(replicas(ctx, w)()).To(BeEquivalentTo(5))
		Expect(w.readyPods(ctx)).To(HaveLen(5))
	})

	It("of a Deployment scaled by hand is put back where replicas says it, and left where nothing does (R28)",
		func(ctx SpecContext) {
			w := newWorld(ctx)
			stack := fixture.Stack(app)
			w.apply(stack)
			w.becomesReady(ctx)

			w.kubectl("scale", "deployment/my-app", "--replicas=7")
			Eventually(ctx, replicas(ctx, w)).WithTimeout(5 * time.Second).Should(BeEquivalentTo(3))
			Eventually(ctx, func() int { return len(w.readyPods(ctx)) }).Should(Equal(3))

			w.apply(fixture.With(stack, fixture.Unmanaged()))
			w.becomesReady(ctx)
			w.kubectl("scale", "deployment/my-app", "--replicas=7")
			w.kubectl("rollout", "status", "deployment/my-app", "--timeout=30s")
			Consistently(ctx, replicas(ctx, w)).Should(BeEquivalentTo(7))
			w.becomesReady(ctx)
			Expect(w.readyPods(ctx)).To(HaveLen(7))
		})

	It("has a disruption budget that the cluster accepts, from two pods on", func(ctx SpecContext) {
		w := newWorld(ctx)
		stack := fixture.Stack(app)
		w.apply(stack)
		w.becomesReady(ctx)
		budget := func() (*policyv1.PodDisruptionBudget, error) {
			return get[policyv1.PodDisruptionBudget](ctx, w.namespace, app)
		}
		Eventually(ctx, budget).Should(And(
			HaveField("Status.ExpectedPods", BeEquivalentTo(3)), HaveField("Status.DisruptionsAllowed", BeEquivalentTo(1))))

		w.apply(fixture.With(stack, fixture.Replicas(1)))
		w.becomesReady(ctx)
		Eventually(ctx, func() error {
			_, err := budget()
			return err
		}).Should(Satisfy(apierrors.IsNotFound))
	})
})
