// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("the plugin: set-image", func() {
	withWorker := func() option {
		return fixture.Component("worker", 2, func(c *v1alpha1.Component) { c.Image = "worker:1" }, "work")
	}

	It("releases another image, and says why instead of repeating an earlier cause", func() {
		created(fixture.Annotation(v1alpha1.AnnotationChangeCause, "first"), fixture.Annotation("example.com/other", "kept"))
		before := current()
		e := meanwhile(rollOut, "set-image", app, "my-app:2", "--wait")
		Expect(e.code).To(BeZero(), e.stderr)
		Expect(e.stdout).To(And(HavePrefix("appstack.apps.appstack.dev/my-app image updated\n"), ContainSubstring("my-app: ✔ Ready: ")))

		stack := current()
		Expect(stack.Status.History[0]).To(And(
			HaveField("Revision", int64(2)), HaveField("Cause", "set-image my-app:2, by admin")))
		Expect(stack.Status.History[1].Cause).To(Equal("first"))
		Expect(stack.Annotations).To(HaveKeyWithValue("example.com/other", "kept"))
		before.Spec.Image = "my-app:2"
		Expect(stack.Spec).To(Equal(before.Spec), "all other fields are unchanged")

		By("recording the given cause")
		does("set-image", app, "my-app:3", "--cause", "faster")
		Expect(cause(current())).To(Equal("faster"))
	})

	It("releases images of components, alone or together", func() {
		created(withWorker(), fixture.Component("mailer", 1, nil, "mail"))
		does("set-image", app, "worker=worker:2")
		Expect(current().Spec.Components[0].Image).To(Equal("worker:2"))
		Expect(current().Spec.Image).To(Equal("my-app:1"))
		Expect(cause(current())).To(Equal("set-image worker=worker:2, by admin"))

		does("set-image", app, "my-app:2", "worker=worker:3")
		ready()
		Expect(deployment(app).Spec.Template.Spec.Containers[0].Image).To(Equal("my-app:2"))
		Expect(deployment(worker).Spec.Template.Spec.Containers[0].Image).To(Equal("worker:3"))
		Expect(deployment("my-app-mailer").Spec.Template.Spec.Containers[0].Image).To(Equal("my-app:2"), "the image of the main component")
		does("set-image", app, "main=my-app:3")
		Expect(current().Spec.Image).To(Equal("my-app:3"))
	})

	It("changes nothing where the image is that already, and not even the cause", func() {
		created(fixture.Annotation(v1alpha1.AnnotationChangeCause, "first"))
		changesNothing(func() { does("set-image", app, "my-app:1") })
	})

	It("refuses what there is not, and what the API server refuses, and changes nothing", func() {
		created(withWorker())
		changesNothing(func() {
			Expect(refuses("set-image", app, "mailer=my-app:2")).To(ContainSubstring(`my-app has no component "mailer": use one of main, worker`))
			Expect(refuses("set-image", app, "my-app:2", "mailer=my-app:2")).To(ContainSubstring(`no component "mailer"`))
			Expect(refuses("set-image", app, "https://my-app:2")).To(ContainSubstring("image must be an image reference"))
			Expect(refuses("set-image", "other", "my-app:2")).To(ContainSubstring(`AppStack "other" not found`))
			Expect(refuses("set-image", app)).To(ContainSubstring("requires at least 2 arg(s)"))
		})
	})

	It("--dry-run changes nothing, and shows the object as it would be", func() {
		created()
		for _, trial := range []string{"client", "server"} {
			changesNothing(func() {
				stack := read[*v1alpha1.AppStack](does("set-image", app, "my-app:2", "--dry-run="+trial, "-o", "yaml"))
				Expect(stack.Kind).To(Equal("AppStack"))
				Expect(stack.Spec.Image).To(Equal("my-app:2"))
			})
		}
		Expect(does("set-image", app, "my-app:2", "-o", "name")).To(Equal("appstack.apps.appstack.dev/my-app\n"))
	})

	It("overwrites nothing that someone else changes in the same moment", func() {
		created(withWorker(), fixture.Component("mailer", 1, nil, "mail"))
		file := interrupted(func() {
			change(fixture.Replicas(7), fixture.Env("MODE", "fast"), func(s *v1alpha1.AppStack) {
				s.Spec.Components[1].Args = []string{"mail", "--all"}
			})
		})
		_, stderr, code := plugin{kubeconfig: file}.output("set-image", app, "worker=worker:2")
		Expect(code).To(BeZero(), stderr)
		stack := current()
		Expect(*stack.Spec.Replicas).To(Equal(int32(7)))
		Expect(stack.Spec.Env).To(HaveLen(1))
		Expect(stack.Spec.Components).To(HaveExactElements(
			HaveField("Image", "worker:2"), HaveField("Args", []string{"mail", "--all"})))
	})

	It("hints at what holds the release back", func() {
		created()
		change(fixture.Paused(true))
		_, stderr, code := appstack("set-image", app, "my-app:2")
		Expect(code).To(BeZero())
		Expect(stderr).To(ContainSubstring("my-app is paused: to roll out the change, run kubectl appstack resume my-app -n " + namespace))
		change(fixture.Paused(false), fixture.RollbackTo(1, 0))
		_, stderr, _ = appstack("set-image", app, "my-app:3")
		Expect(stderr).To(MatchRegexp("a rollback .*: to roll out the spec, run kubectl appstack resume-spec my-app -n " + namespace))
	})

	It("--wait ends with 1 when the release fails, and writes why to the standard error", func() {
		created()
		failed := false
		e := meanwhile(func(g Gomega) {
			if stack := find(g, &v1alpha1.AppStack{}, app); stack.Status.Revision == 2 && !failed {
				failed = true
				moved(2)
				fails(podOf(replicaSetOf(deployment(app))))
			}
		}, "set-image", app, "my-app:2", "--wait")
		Expect(e.code).To(Equal(cli.ExitError))
		Expect(e.stderr).To(And(
			ContainSubstring("Revision 2 failed"), ContainSubstring("couldn't parse image name"), MatchRegexp("error: my-app: .*RolledBack: ")))
	})

	It("--wait --timeout ends with 2 when the time is over", func() {
		created()
		_, stderr, code := appstack("set-image", app, "my-app:2", "--wait", "--timeout", "300ms")
		Expect(code).To(Equal(cli.ExitTimeout), stderr)
	})
})
