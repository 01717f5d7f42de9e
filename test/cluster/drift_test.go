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
)

// soon is how fast a change made by hand has to be put back.
const soon = 5 * time.Second

var _ = Describe("A change made by hand", func() {
	DescribeTable("of the pods is put back, and is no revision (R28)",
		func(ctx SpecContext, command ...string) {
			w := newWorld(ctx)
			w.apply(fixture.Stack(app))
			w.becomesReady(ctx)
			template, pods := w.deployment(ctx, app).Spec.Template, w.activeReplicaSets(ctx)
			generation := w.deployment(ctx, app).Generation

			w.kubectl(command...)
			Eventually(ctx, func(g Gomega) {
				deployment := w.deployment(ctx, app)
				g.Expect(deployment.Generation).To(BeNumerically(">", generation+1), "changed, and changed back")
				g.Expect(deployment.Spec.Template).To(Equal(template))
			}).WithTimeout(soon).Should(Succeed())
			after := w.becomesReady(ctx)
			Eventually(ctx, func() int { return len(w.pods(ctx)) }).Should(Equal(3))
			Eventually(ctx, func() []types.UID { return w.activeReplicaSets(ctx) }).Should(Equal(pods))
			Expect(history(after)).To(Equal([]string{"1 SpecChanged Succeeded"}))
			Eventually(ctx, func() string {
				return w.kubectl("get", "events", "--field-selector=involvedObject.kind=AppStack,reason=DriftRepaired",
					"-o", "jsonpath={.items[*].message}")
			}).Should(ContainSubstring("Deployment my-app: spec.template was changed by someone else and is put back"))
		},
		Entry("kubectl set image", "set", "image", "deployment/my-app", "app=other:1"),
		Entry("kubectl rollout restart", "rollout", "restart", "deployment/my-app"),
		Entry("kubectl set env", "set", "env", "deployment/my-app", "DEBUG=1"),
		Entry("kubectl patch", "patch", "deployment/my-app", "--type=json",
			`-p=[{"op":"remove","path":"/spec/template/spec/containers/0/readinessProbe"}]`),
	)

	It("of a Service is put back, and a Service that is gone is made again (R28)", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.apply(fixture.Stack(app))
		w.becomesReady(ctx)
		spec := w.service(ctx, app).Spec

		w.kubectl("patch", "service/my-app", "-p", `{"spec":{"selector":{"apps.appstack.dev/component":"other"}}}`)
		Eventually(ctx, func() any { return w.service(ctx, app).Spec }).WithTimeout(soon).Should(Equal(spec))

		uid := w.service(ctx, app).UID
		w.kubectl("delete", "service/my-app")
		Eventually(ctx, func(g Gomega) {
			service, err := get[corev1.Service](ctx, w.namespace, app)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(service.UID).NotTo(Equal(uid))
			g.Expect(w.endpoints(ctx, app)).To(Equal(map[int32]int{80: 3}))
		}).WithTimeout(soon).Should(Succeed())
		w.becomesReady(ctx)
	})

	It("of what the operator does not own is left alone (R28)", func(ctx SpecContext) {
		w := newWorld(ctx)
		stack := fixture.Stack(app)
		w.apply(stack)
		w.becomesReady(ctx)
		w.kubectl("annotate", "deployment/my-app", "service/my-app", "example.com/owner=them")
		w.kubectl("label", "deployment/my-app", "service/my-app", "example.com/team=theirs")

		w.apply(fixture.With(stack, fixture.Image("my-app:2")))
		w.becomesReady(ctx)
		for _, kind := range []string{"deployment", "service"} {
			Expect(w.kubectl("get", kind+"/my-app", "-o",
				`jsonpath={.metadata.annotations.example\.com/owner} {.metadata.labels.example\.com/team}`)).
				To(Equal("them theirs"))
		}
	})
})
