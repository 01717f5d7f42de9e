// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/world"
)

// stackText returns a stack as a user writes it.
func stackText(name, spec string) string {
	return "apiVersion: apps.appstack.dev/v1alpha1\nkind: AppStack\nmetadata:\n  name: " + name + "\nspec:\n" + spec
}

var _ = Describe("A mistake", func() {
	DescribeTable("that the API server can see is refused, with field and remedy (R30)",
		func(ctx SpecContext, text string, expected ...string) {
			w := newScene(ctx)
			message := w.Refusal(text)
			AddReportEntry(CurrentSpecReport().LeafNodeText, strings.TrimSpace(message))
			for _, part := range expected {
				Expect(message).To(ContainSubstring(part))
			}
		},
		Entry("no image",
			stackText(app, "  replicas: 3\n"),
			"spec.image", "Required value"),
		Entry("two ports of one name",
			stackText(app, "  image: my-app:1\n  ports:\n  - {name: http, containerPort: 80}\n  - {name: http, containerPort: 81}\n"),
			"spec.ports", "two ports have the same name: give each entry of ports a name of its own"),
		Entry("replicas with autoscaling",
			stackText(app, "  image: my-app:1\n  replicas: 3\n  autoscaling:\n    maxReplicas: 5\n"),
			"spec", "replicas and autoscaling exclude each other: remove replicas", "or remove autoscaling"),
		Entry("a name too long",
			stackText(strings.Repeat("long-", 12)+"name", "  image: my-app:1\n"),
			"metadata.name must have at most 63 characters", "choose a shorter name"),
		Entry("a component's name too long",
			stackText(strings.Repeat("long-", 10)+"name", "  image: my-app:1\n  components:\n  - name: also-too-long\n"),
			"shorten metadata.name or spec.components[].name"),
		Entry("a field that there is not",
			stackText(app, "  image: my-app:1\n  replica: 3\n"),
			`unknown field "spec.replica"`),
	)

	// tellsUser expects the message where users look.
	tellsUser := func(w scene, reason, message string) {
		GinkgoHelper()
		Expect(strings.Fields(w.Kubectl("get", "aps", "--no-headers"))).To(ContainElements("False", reason))
		Eventually(func() string {
			return w.Kubectl("get", "events",
				"--field-selector=involvedObject.kind=AppStack,type=Warning", "-o", "jsonpath={.items[*].message}")
		}).
			Should(Equal(message))
		description := w.Kubectl("describe", "aps/my-app")
		before, events, found := strings.Cut(description, "\nEvents:")
		Expect(found).To(BeTrue())
		Expect(before).To(ContainSubstring(message))
		Expect(events).To(And(ContainSubstring("Warning"), ContainSubstring(reason), ContainSubstring(message)))
	}

	It("in podTemplate shows in the stack, and touches nothing that runs (R4, R30)", func(ctx SpecContext) {
		w := newScene(ctx)
		w.KubectlApply(example)
		w.BecomesReady(ctx)
		pods := world.UIDs(w.Pods(ctx))

		w.KubectlApply(example + "  podTemplate:\n    spec:\n      nodeSelectr:\n        disk: ssd\n")
		message := w.Stalls(ctx, v1alpha1.ReasonInvalidPodTemplate)
		AddReportEntry("a podTemplate with an unknown field", message)
		Expect(message).To(And(ContainSubstring("podTemplate"), ContainSubstring(`unknown field "spec.nodeSelectr"`)))
		tellsUser(w, v1alpha1.ReasonInvalidPodTemplate, message)
		Expect(world.UIDs(w.ReadyPods(ctx))).To(ConsistOf(pods))
		Expect(w.Revisions(ctx)).To(HaveLen(1))

		w.KubectlApply(example)
		w.BecomesReady(ctx)
	})

	It("that only the API server's own checks of pods find shows in the stack, and touches nothing that runs (R4, R30)",
		func(ctx SpecContext) {
			w := newScene(ctx)
			w.KubectlApply(example)
			w.BecomesReady(ctx)
			pods := world.UIDs(w.Pods(ctx))

			w.KubectlApply(example + "  env:\n  - name: A\n    valueFrom: {}\n")
			message := w.Stalls(ctx, v1alpha1.ReasonRejected)
			AddReportEntry("what only the API server's checks of pods find", message)
			tellsUser(w, v1alpha1.ReasonRejected, message)
			Expect(world.UIDs(w.ReadyPods(ctx))).To(ConsistOf(pods))
			Expect(w.Revisions(ctx)).To(HaveLen(1))
		})

	It("such as a name that a Service of someone else has shows in the stack, until it is free (R26, R30)", func(ctx SpecContext) {
		w := newScene(ctx)
		w.Kubectl("create", "service", "clusterip", app, "--tcp=80")
		theirs := w.Service(ctx, app)

		w.KubectlApply(example)
		message := w.Stalls(ctx, v1alpha1.ReasonNameConflict)
		AddReportEntry("a Service of that name that belongs to someone else", message)
		Expect(message).To(And(ContainSubstring(`Service "my-app"`), ContainSubstring("rename the stack")))
		tellsUser(w, v1alpha1.ReasonNameConflict, message)
		Expect(w.Deployments(ctx)).To(BeEmpty())
		Expect(w.Revisions(ctx)).To(BeEmpty())
		Expect(w.Service(ctx, app).ResourceVersion).To(Equal(theirs.ResourceVersion))

		w.Kubectl("delete", "service", app)
		Eventually(ctx, w.Stack).WithTimeout(45 * time.Second).Should(HaveField("Status.Revision", BeEquivalentTo(1)))
		w.BecomesReady(ctx)
	})
})
