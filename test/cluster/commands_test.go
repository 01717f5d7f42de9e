// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/kubectl"
)

var _ = Describe("kubectl", func() {
	It("waits for a stack, and scales it without a new revision (R1, R19)", func(ctx SpecContext) {
		w := newScene(ctx)
		w.KubectlApply(example)
		w.Kubectl("wait", "--for=condition=Ready", "aps/my-app", "--timeout=30s")
		template := w.Kubectl("get", "deployment/my-app", "-o", "jsonpath={.spec.template}")

		for _, step := range []struct {
			replicas string
			pods     int
		}{{"5", 5}, {"2", 2}, {"3", 3}} {
			w.Kubectl("scale", "appstack/my-app", "--replicas="+step.replicas)
			w.Kubectl("wait", "--for=condition=Ready", "aps/my-app", "--timeout=30s")
			// kubectl wait returns only after the new number is reached
			Expect(len(w.ReadyPods(ctx))).To(BeNumerically(">=", step.pods))
			// surplus pods may exist, and be counted, for a moment longer
			Eventually(ctx, func(g Gomega) {
				g.Expect(w.ReadyPods(ctx)).To(HaveLen(step.pods))
				g.Expect(w.Kubectl("get", "aps/my-app", "-o", "jsonpath={.status.readySummary}")).
					To(Equal(step.replicas + "/" + step.replicas))
				g.Expect(w.Kubectl("get", "--raw", "/apis/apps.appstack.dev/v1alpha1/namespaces/"+w.Namespace+
					"/appstacks/my-app/scale")).To(ContainSubstring(`"status":{"replicas":` + step.replicas + `,"selector":"`))
			}).Should(Succeed())
		}
		Expect(w.Revisions(ctx)).To(ConsistOf("my-app-1"))
		Expect(w.ReplicaSets(ctx)).To(HaveLen(1))
		Expect(w.Kubectl("get", "deployment/my-app", "-o", "jsonpath={.spec.template}")).To(Equal(template))
	})

	It("shows the stack in columns (R20)", func(ctx SpecContext) {
		w := newScene(ctx)
		w.KubectlApply(example)
		w.BecomesReady(ctx)

		table := strings.Split(strings.TrimSpace(w.Kubectl("get", "aps", "-o", "wide")), "\n")
		Expect(table).To(HaveLen(2))
		Expect(strings.Fields(table[0])).To(Equal([]string{
			"NAME", "IMAGE", "REVISION", "READY", "REASON", "REPLICAS", "AGE", "ADDRESS", "FAILED",
		}))
		Expect(strings.Fields(table[1])).To(HaveExactElements(
			"my-app", "my-app:1.4.2", "1", "True", "Succeeded", "3/3", MatchRegexp(`^\d+s$`), "my-app."+w.Namespace+".svc:80"))
		AddReportEntry("kubectl get aps -o wide", strings.Join(table, "\n"))

		narrow := strings.Split(w.Kubectl("get", "aps"), "\n")
		Expect(strings.Fields(narrow[0])).To(Equal([]string{"NAME", "IMAGE", "REVISION", "READY", "REASON", "REPLICAS", "AGE"}))
	})

	It("shows the failing row of a stack whose pods do not get ready (R20)", func(ctx SpecContext) {
		w := newScene(ctx)
		w.Apply(fixture.Stack(app, fixture.Image("my-app:unready")))
		Eventually(ctx, func() []string {
			return strings.Fields(w.Kubectl("get", "aps", "--no-headers"))
		}).Should(HaveExactElements("my-app", "my-app:unready", "1", "False", "Progressing", "0/3", MatchRegexp(`^\d+s$`)))
	})

	DescribeTable("explains every field of the API's own",
		func(path string) {
			text := kubectl.Run("explain", path)
			Expect(text).To(ContainSubstring("DESCRIPTION:"))
			Expect(text).NotTo(ContainSubstring("no description"))
			Expect(text).NotTo(ContainSubstring("<empty>"))
		},
		func(path string) string { return path },
		Entry(nil, "appstack"),
		Entry(nil, "appstack.spec"),
		Entry(nil, "appstack.spec.autoscaling"),
		Entry(nil, "appstack.spec.components"),
		Entry(nil, "appstack.spec.components.autoscaling"),
		Entry(nil, "appstack.spec.disruptionBudget"),
		Entry(nil, "appstack.spec.podTemplate"),
		Entry(nil, "appstack.spec.ports"),
		Entry(nil, "appstack.spec.rollback"),
		Entry(nil, "appstack.spec.rollout"),
		Entry(nil, "appstack.spec.service"),
		Entry(nil, "appstack.spec.volumes"),
		Entry(nil, "appstack.status"),
		Entry(nil, "appstack.status.components"),
		Entry(nil, "appstack.status.conditions"),
		Entry(nil, "appstack.status.failure"),
		Entry(nil, "appstack.status.history"),
		Entry(nil, "appstack.status.history.images"),
	)
})
