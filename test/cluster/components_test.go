// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

var _ = Describe("Components", func() {
	It("run the main image, and are released together with it (R1)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app, fixture.Component("worker", 2, nil, "work"), withoutProbeDelay)
		w.Apply(stack)
		w.BecomesReady(ctx)
		Expect(w.Deployments(ctx)).To(ConsistOf("my-app", "my-app-worker"))
		Expect(w.Deployment(ctx, "my-app-worker").Spec.Template.Spec.Containers).To(ConsistOf(
			And(HaveField("Image", "my-app:1"), HaveField("Args", []string{"work"}))))
		Expect(w.ReadyPods(ctx)).To(HaveLen(5))
		// the Service of one component does not select the pods of the other
		Eventually(ctx, func() map[int32]int { return w.Endpoints(ctx, app) }).Should(Equal(map[int32]int{80: 3}))

		w.Apply(fixture.With(stack, fixture.Image("my-app:2")))
		after := w.BecomesReady(ctx)
		Expect(after.Status.Revision).To(BeEquivalentTo(2))
		Expect(w.ReadyPods(ctx)).To(And(HaveLen(5), HaveEach(HaveField("Spec.Containers", ConsistOf(HaveField("Image", "my-app:2"))))))
	})

	It("without a readiness probe have to stay up for ten seconds (R24)", func(ctx SpecContext) {
		w := newScene(ctx)
		w.Apply(fixture.Stack(app, fixture.Component("worker", 1, nil, "work")))
		Eventually(ctx, func() []string { return w.Deployments(ctx) }).Should(ConsistOf("my-app", "my-app-worker"))
		Expect(w.Deployment(ctx, app).Spec.MinReadySeconds).To(BeZero())
		Expect(w.Deployment(ctx, "my-app-worker").Spec.MinReadySeconds).To(BeEquivalentTo(10))
		Eventually(ctx, func() int { return len(w.ReadyPods(ctx)) }).Should(Equal(4))
		w.Becomes(ctx, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonProgressing)
		w.BecomesReady(ctx)
	})

	It("that a revision drops stay until it has succeeded, and a rollback brings them back as they last were (R9, R16)",
		func(ctx SpecContext) {
			w := newScene(ctx)
			worker := fixture.Component("worker", 2, nil, "work")
			stack := fixture.Stack(app, worker, withoutProbeDelay)
			w.Apply(stack)
			w.BecomesReady(ctx)

			By("scaling the worker, which creates no revision")
			w.Apply(fixture.With(stack, fixture.WithoutComponents(), fixture.Component("worker", 4, nil, "work")))
			after := w.BecomesReady(ctx)
			Expect(after.Status.Revision).To(BeEquivalentTo(1))
			Expect(w.ReadyPods(ctx)).To(HaveLen(7))
			worker1 := w.Deployment(ctx, "my-app-worker")

			By("replacing the worker by another component in a rollout that makes no progress")
			w.Apply(fixture.With(stack, fixture.WithoutComponents(), fixture.Component("scheduler", 1, nil, "schedule"),
				fixture.Image("my-app:unready")))
			w.Becomes(ctx, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonProgressing)
			Eventually(ctx, func() []string { return w.Deployments(ctx) }).Should(
				ConsistOf("my-app", "my-app-worker", "my-app-scheduler"))
			Consistently(ctx, func(g Gomega) {
				worker := w.Deployment(ctx, "my-app-worker")
				g.Expect(worker.UID).To(Equal(worker1.UID))
				g.Expect(worker.Generation).To(Equal(worker1.Generation))
				g.Expect(worker.Status.AvailableReplicas).To(BeEquivalentTo(4))
				g.Expect(w.ReadyPods(ctx)).To(HaveLen(7))
			}).Should(Succeed())

			By("fixing the image")
			w.Apply(fixture.With(stack, fixture.Image("my-app:3")))
			after = w.BecomesReady(ctx)
			Expect(world.History(after)).To(Equal([]string{
				"3 SpecChanged Succeeded", "2 SpecChanged Superseded", "1 SpecChanged Succeeded",
			}))
			Eventually(ctx, func() []string { return w.Deployments(ctx) }).Should(ConsistOf("my-app", "my-app-scheduler"))
			Eventually(ctx, func() int { return len(w.Pods(ctx)) }).Should(Equal(4))

			By("rolling back to the revision with the worker")
			w.Apply(fixture.With(stack, fixture.RollbackTo(1, 0)))
			after = w.BecomesReady(ctx)
			Expect(after.Status.Revision).To(BeEquivalentTo(1))
			Expect(w.Deployment(ctx, "my-app-worker").Spec.Replicas).To(HaveValue(BeEquivalentTo(4)))
			Eventually(ctx, func() []string { return w.Deployments(ctx) }).Should(ConsistOf("my-app", "my-app-worker"))
			Eventually(ctx, func() int { return len(w.Pods(ctx)) }).Should(Equal(7))
		})
})

var _ = Describe("Ports", func() {
	It("may change their number: the Service finds old and new pods alike (R9)", func(ctx SpecContext) {
		w := newScene(ctx)
		port := func(number int32) fixture.Option {
			service := int32(80)
			return namedPorts(v1alpha1.Port{Name: "http", ContainerPort: number, ServicePort: &service})
		}
		stack := fixture.Stack(app, port(8080))
		w.Apply(stack)
		w.BecomesReady(ctx)
		Eventually(ctx, func() map[int32]int { return w.Endpoints(ctx, app) }).Should(Equal(map[int32]int{8080: 3}))
		uid := w.Service(ctx, app).UID

		w.Apply(fixture.With(stack, port(9090), slowStart("3s")))
		Eventually(ctx, func() map[int32]int { return w.Endpoints(ctx, app) }).Should(
			And(HaveKeyWithValue(int32(8080), BeNumerically(">", 0)), HaveKeyWithValue(int32(9090), BeNumerically(">", 0))))
		w.BecomesReady(ctx)
		Eventually(ctx, func() map[int32]int { return w.Endpoints(ctx, app) }).Should(Equal(map[int32]int{9090: 3}))
		service := w.Service(ctx, app)
		Expect(service.UID).To(Equal(uid))
		Expect(service.Spec.Ports).To(ConsistOf(And(
			HaveField("Port", BeEquivalentTo(80)), HaveField("TargetPort.StrVal", "http"))))
	})

	DescribeTable("of the Service that a revision drops stay until it has succeeded (R9)",
		func(ctx SpecContext, before, after []v1alpha1.Port, during, end []int32) {
			w := newScene(ctx)
			ports := func() []int32 {
				var numbers []int32
				for _, port := range w.Service(ctx, app).Spec.Ports {
					numbers = append(numbers, port.Port)
				}
				return numbers
			}
			stack := fixture.Stack(app, namedPorts(before...))
			w.Apply(stack)
			w.BecomesReady(ctx)

			w.Apply(fixture.With(stack, namedPorts(after...), fixture.Image("my-app:unready")))
			w.Becomes(ctx, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonProgressing)
			Eventually(ctx, ports).Should(ConsistOf(during))
			Consistently(ctx, ports).Should(ConsistOf(during))
			for _, port := range before {
				// the endpoint controllers retry after a second or more when their caches are stale
				Eventually(ctx, func() map[int32]int { return w.Endpoints(ctx, app) }).Should(HaveKeyWithValue(port.ContainerPort, 3))
			}

			w.Apply(fixture.With(stack, fixture.Image("my-app:3")))
			w.BecomesReady(ctx)
			Eventually(ctx, ports).Should(ConsistOf(end))
		},
		Entry("by name",
			[]v1alpha1.Port{{Name: "http", ContainerPort: 80}, {Name: "metrics", ContainerPort: 9000}},
			[]v1alpha1.Port{{Name: "http", ContainerPort: 80}},
			[]int32{80, 9000}, []int32{80}),
		Entry("by number, the name staying",
			[]v1alpha1.Port{{ContainerPort: 80}},
			[]v1alpha1.Port{{ContainerPort: 8080}},
			[]int32{80, 8080}, []int32{8080}),
	)
})
