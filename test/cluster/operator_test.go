// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	appsv1 "k8s.io/api/apps/v1"

	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
	"github.com/appstack-dev/appstack/test/world"
)

var _ = Describe("An operator that starts again", Serial, func() {
	// expectUntouched starts an operator, expects that it only reads and changes no
	// Deployment, and returns its requests.
	expectUntouched := func(ctx SpecContext, w scene, options operator.Options) []string {
		GinkgoHelper()
		world.MarkNow().Quiet(ctx, w.World) // all requests of the previous operator are in the audit log
		deployments := func() []appsv1.DeploymentSpec {
			var specs []appsv1.DeploymentSpec
			for _, deployment := range world.List[appsv1.DeploymentList](ctx, w.Namespace).Items {
				specs = append(specs, deployment.Spec)
			}
			return specs
		}
		generations := func() []int64 {
			var all []int64
			for _, deployment := range world.List[appsv1.DeploymentList](ctx, w.Namespace).Items {
				all = append(all, deployment.Generation)
			}
			return all
		}
		specs, generation, sets, pods := deployments(), generations(), w.ReplicaSets(ctx), world.UIDs(w.Pods(ctx))
		withoutOperator()
		start, passes := world.MarkNow(), operator.Reconciled()
		startOperator(options)
		Eventually(ctx, operator.Reconciled).Should(BeNumerically(">", passes))
		requests := start.Quiet(ctx, w.World)
		Expect(deployments()).To(Equal(specs))
		Expect(generations()).To(Equal(generation))
		Expect(w.ReplicaSets(ctx)).To(ConsistOf(sets))
		Expect(world.UIDs(w.ReadyPods(ctx))).To(ConsistOf(pods))
		Expect(requests).To(ContainElement(ContainSubstring("/deployments")), "the cache was not filled")
		for _, request := range requests {
			Expect(request).To(Or(HavePrefix("get "), HavePrefix("list ")), "a settled stack was written to")
		}
		return requests
	}

	It("changes nothing of what runs (R2)", func(ctx SpecContext) {
		w := newScene(ctx)
		w.Apply(fixture.Stack(app, fixture.Component("worker", 2, nil, "work"), withoutProbeDelay))
		before := w.BecomesReady(ctx)

		requests := expectUntouched(ctx, w, operator.Options{})
		after := w.BecomesReady(ctx)
		Expect(after.Status).To(Equal(before.Status))
		AddReportEntry("requests of an operator that starts with one settled stack",
			fmt.Sprintf("%d\n%s", len(requests), strings.Join(requests, "\n")))
	})

	It("with other defaults changes nothing of what runs, and new revisions have them (R2)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app)
		w.Apply(stack)
		before := w.BecomesReady(ctx)
		Expect(w.Deployment(ctx, app).Spec.Template.Spec).To(haveGraceAndPreStop(35, 5))

		expectUntouched(ctx, w, operator.Options{
			Defaults: render.Defaults{PreStopSeconds: 17, TerminationGraceSeconds: 40},
		})
		w.Apply(fixture.With(stack, fixture.Replicas(4)))
		after := w.BecomesReady(ctx)
		Expect(world.History(after)).To(Equal(world.History(before)))
		Expect(w.Deployment(ctx, app).Spec.Template.Spec).To(haveGraceAndPreStop(35, 5))
		Expect(w.ReplicaSets(ctx)).To(HaveLen(1))

		w.Apply(fixture.With(stack, fixture.Image("my-app:2")))
		after = w.BecomesReady(ctx)
		Expect(after.Status.Revision).To(BeEquivalentTo(2))
		Expect(w.Deployment(ctx, app).Spec.Template.Spec).To(haveGraceAndPreStop(57, 17))

		By("applying the content of revision 1 again, which keeps the old values")
		w.Apply(fixture.With(stack, fixture.Image("my-app:1")))
		after = w.BecomesReady(ctx)
		Expect(after.Status.Revision).To(BeEquivalentTo(1))
		Expect(w.Deployment(ctx, app).Spec.Template.Spec).To(haveGraceAndPreStop(35, 5))
		Expect(w.ReplicaSets(ctx)).To(HaveLen(2))
	})

	It("in the middle of a rollout ends it well, as one rollout (R5)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app)
		w.Apply(stack)
		w.BecomesReady(ctx)

		w.Apply(fixture.With(stack, fixture.Image("my-app:2"), slowStart("3s")))
		// the pods may be ahead of the status
		Eventually(ctx, w.Stack).Should(WithTransform(world.History, HaveExactElements("2 SpecChanged Progressing", "1 SpecChanged Succeeded")))
		w.IsHalfWayTo(ctx, "my-app:2")
		withoutOperator()
		during, err := w.Stack(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(world.History(during)[0]).To(Equal("2 SpecChanged Progressing"))
		startOperator(operator.Options{})

		after := w.BecomesReady(ctx)
		Expect(world.History(after)).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		Expect(w.ReplicaSets(ctx)).To(HaveLen(2))
		Expect(w.ReadyPods(ctx)).To(HaveLen(3))
	})

	It("after the spec changed while it was away rolls out the last change only", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app)
		w.Apply(stack)
		w.BecomesReady(ctx)

		withoutOperator()
		w.Apply(fixture.With(stack, fixture.Image("my-app:2")))
		w.Kubectl("delete", "service", app)
		w.Apply(fixture.With(stack, fixture.Image("my-app:3")))
		startOperator(operator.Options{})

		after := w.BecomesReady(ctx)
		Expect(after.Status.Image).To(Equal("my-app:3"))
		Expect(world.History(after)).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		Eventually(ctx, func() map[int32]int { return w.Endpoints(ctx, app) }).Should(Equal(map[int32]int{80: 3}))
	})
})

// haveGraceAndPreStop matches a pod with this termination grace period and preStop sleep.
func haveGraceAndPreStop(grace, preStop int64) types.GomegaMatcher {
	return And(
		HaveField("TerminationGracePeriodSeconds", HaveValue(Equal(grace))),
		HaveField("Containers", ConsistOf(HaveField("Lifecycle.PreStop.Sleep.Seconds", preStop))),
	)
}
