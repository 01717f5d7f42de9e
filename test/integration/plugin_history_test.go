// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("the plugin: history", func() {
	It("shows the rollouts, newest first, with their causes", func() {
		created(fixture.Annotation(v1alpha1.AnnotationChangeCause, "first"))
		released(fixture.Image("my-app:2"), fixture.Annotation(v1alpha1.AnnotationChangeCause, "second"))
		released(fixture.RollbackTo(1, 2), fixture.Because("checkout fails"))
		lines := strings.Split(does("history", app), "\n")
		Expect(lines).To(HaveExactElements(
			MatchRegexp(`^REVISION +OUTCOME +TRIGGER +AGE +TOOK +IMAGES +CAUSE$`),
			MatchRegexp(`^1 +✔ Succeeded +Rollback .* my-app:1 +checkout fails$`),
			MatchRegexp(`^2 +✔ Succeeded +SpecChanged .* my-app:2 +second$`),
			MatchRegexp(`^1 +✔ Succeeded +SpecChanged .* my-app:1 +first$`),
			BeEmpty(),
		))

		By("printing machine-readable output")
		list := read[[]v1alpha1.RolloutStatus](does("history", app, "-o", "json"))
		Expect(list).To(Equal(current().Status.History))
		Expect(read[[]v1alpha1.RolloutStatus](does("history", app, "-o", "yaml"))).To(Equal(list))
		Expect(does("history", app, "-o", "name")).To(Equal(
			"controllerrevision.apps/my-app-1\ncontrollerrevision.apps/my-app-2\ncontrollerrevision.apps/my-app-1\n"))
		Expect(does("history", app, "-o", "wide")).To(ContainSubstring("MESSAGE"))
		Expect(refuses("history", app, "-o", "bogus")).To(ContainSubstring("--output bogus: must be one of json, yaml, wide, name"))
	})

	It("shows a rollout that failed", func() {
		created()
		brokenRelease()
		Expect(does("history", app)).To(And(
			MatchRegexp(`(?m)^1 +✔ Succeeded +AutoRollback `), MatchRegexp(`(?m)^2 +✖ Failed +SpecChanged `)))
		Expect(does("history", app, "-o", "wide")).To(ContainSubstring("InvalidImageName"))
	})

	It("of a stack that never ran says so on the standard error, and is an empty list for programs", func() {
		create(fixture.Paused(true))
		Eventually(func(g Gomega) { observed(g) }).Should(Succeed())
		stdout, stderr, code := appstack("history", app)
		Expect(code).To(BeZero())
		Expect(stdout).To(BeEmpty())
		Expect(stderr).To(Equal("my-app has no rollouts yet: see kubectl appstack why my-app -n " + namespace +
			stderr[strings.Index(stderr, " --kubeconfig"):]))
		Expect(does("history", app, "-o", "json")).To(Equal("[]\n"))
		Expect(refuses("history", app, "--revision", "1")).To(ContainSubstring("my-app has no revisions yet"))
	})

	It("--revision shows what a revision decides, without what Kubernetes fills in", func() {
		created(fixture.Component("worker", 2, nil, "work"))
		released(fixture.Image("my-app:2"))
		text := does("history", app, "--revision", "1")
		Expect(text).To(And(
			HavePrefix("component: main\n"), ContainSubstring("image: my-app:1\n"), ContainSubstring("port: 80\n"),
			ContainSubstring("\n---\ncomponent: worker\n"), ContainSubstring("- work\n")))
		Expect(text).NotTo(Or(
			ContainSubstring("my-app:2"), ContainSubstring("restartPolicy"), ContainSubstring("dnsPolicy"),
			ContainSubstring("terminationMessagePath"), ContainSubstring("schedulerName"), ContainSubstring("null")))

		By("printing the whole revision in machine-readable output")
		whole := read[model.Content](does("history", app, "--revision", "1", "-o", "json"))
		Expect(bytesOf(whole)).To(Equal(bytesOf(content(1))))
		Expect(does("history", app, "--revision", "2", "-o", "name")).To(Equal("controllerrevision.apps/my-app-2\n"))

		By("listing the existing revisions")
		Expect(refuses("history", app, "--revision", "9")).To(Equal("error: my-app has no revision 9: use one of 1, 2\n"))
		Expect(refuses("history", app, "--revision", "-1")).To(ContainSubstring("my-app has no revision -1"))
	})

	It("of an unknown name is refused", func() {
		Expect(refuses("history", app)).To(ContainSubstring(`AppStack "my-app" not found in namespace ` + namespace))
		Expect(refuses("history", app, "--revision", "1")).To(ContainSubstring(`AppStack "my-app" not found`))
	})
})
