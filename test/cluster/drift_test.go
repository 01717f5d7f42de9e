// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

// soon is the time within which a change made by hand must be reverted.
const soon = 5 * time.Second

var _ = Describe("A change made by hand", func() {
	DescribeTable("of the pods is put back, and is no revision (R28)",
		func(ctx SpecContext, told string, command ...string) {
			w := newScene(ctx)
			w.Apply(fixture.Stack(app))
			w.BecomesReady(ctx)
			template, pods := w.Deployment(ctx, app).Spec.Template, w.ActiveReplicaSets(ctx)
			generation := w.Deployment(ctx, app).Generation

			w.Kubectl(command...)
			Eventually(ctx, func(g Gomega) {
				deployment := w.Deployment(ctx, app)
				g.Expect(deployment.Generation).To(BeNumerically(">", generation+1), "changed and reverted")
				g.Expect(deployment.Spec.Template).To(Equal(template))
			}).WithTimeout(soon).Should(Succeed())
			after := w.BecomesReady(ctx)
			Eventually(ctx, func() int { return len(w.Pods(ctx)) }).Should(Equal(3))
			Eventually(ctx, func() []types.UID { return w.ActiveReplicaSets(ctx) }).Should(Equal(pods))
			Expect(world.History(after)).To(Equal([]string{"1 SpecChanged Succeeded"}))
			Eventually(ctx, func() string {
				return w.Kubectl("get", "events", "--field-selector=involvedObject.kind=AppStack,reason=DriftRepaired",
					"-o", "jsonpath={.items[*].message}")
			}).Should(ContainSubstring("Deployment my-app: spec.template." + told))
		},
		Entry("kubectl set image", "spec.containers[app].image was changed by kubectl-set and is reverted: to run another image",
			"set", "image", "deployment/my-app", "app=other:1"),
		Entry("kubectl rollout restart", "metadata.annotations.kubectl.kubernetes.io/restartedAt was changed by kubectl-rollout "+
			"and is reverted: to restart all pods, set spec.restartedAt of the stack, or run: kubectl appstack restart my-app",
			"rollout", "restart", "deployment/my-app"),
		Entry("kubectl set env", "spec.containers[app].env was changed by kubectl-set and is reverted",
			"set", "env", "deployment/my-app", "DEBUG=1"),
		Entry("kubectl patch", "spec.containers[app].readinessProbe was changed by someone else and is reverted",
			"patch", "deployment/my-app", "--type=json",
			`-p=[{"op":"remove","path":"/spec/template/spec/containers/0/readinessProbe"}]`),
	)

	It("of a Service is put back, and a Service that is gone is made again (R28)", func(ctx SpecContext) {
		w := newScene(ctx)
		w.Apply(fixture.Stack(app))
		w.BecomesReady(ctx)
		spec := w.Service(ctx, app).Spec

		w.Kubectl("patch", "service/my-app", "-p", `{"spec":{"selector":{"apps.appstack.dev/component":"other"}}}`)
		Eventually(ctx, func() any { return w.Service(ctx, app).Spec }).WithTimeout(soon).Should(Equal(spec))

		uid := w.Service(ctx, app).UID
		w.Kubectl("delete", "service/my-app")
		Eventually(ctx, func(g Gomega) {
			service, err := world.Get[corev1.Service](ctx, w.Namespace, app)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(service.UID).NotTo(Equal(uid))
		}).WithTimeout(soon).Should(Succeed())
		Eventually(ctx, func() string {
			return w.Kubectl("get", "events", "--field-selector=involvedObject.kind=AppStack,reason=Recreated,type=Warning",
				"-o", "jsonpath={.items[*].message}")
		}).Should(ContainSubstring("Service my-app was deleted by someone else and is created again"))
		// the endpoint controllers, which write these, retry after 1 s, 2 s and 4 s when their
		// caches are stale
		Eventually(ctx, func() map[int32]int { return w.Endpoints(ctx, app) }).Should(Equal(map[int32]int{80: 3}))
		w.BecomesReady(ctx)
	})

	It("of what the operator does not own is left alone (R28)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app)
		w.Apply(stack)
		w.BecomesReady(ctx)
		w.Kubectl("annotate", "deployment/my-app", "service/my-app", "example.com/owner=them")
		w.Kubectl("label", "deployment/my-app", "service/my-app", "example.com/team=theirs")

		w.Apply(fixture.With(stack, fixture.Image("my-app:2")))
		w.BecomesReady(ctx)
		for _, kind := range []string{"deployment", "service"} {
			Expect(w.Kubectl("get", kind+"/my-app", "-o",
				`jsonpath={.metadata.annotations.example\.com/owner} {.metadata.labels.example\.com/team}`)).
				To(Equal("them theirs"))
		}
	})
})
