// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("the plugin: rollback", func() {
	// three creates a stack that has run three revisions.
	three := func() {
		GinkgoHelper()
		created()
		released(fixture.Image("my-app:2"))
		released(fixture.Image("my-app:3"))
	}

	It("goes to the last good revision, records the one that it leaves, and says who asked", func() {
		three()
		text := does("rollback", app, "--yes")
		Expect(text).To(And(
			ContainSubstring("my-app changes from revision 3 to revision 2."),
			MatchRegexp(`Revision 2 last succeeded \d+s ago\.`),
			ContainSubstring("The rollback is in effect while the spec has the content of revision 3"),
			HaveSuffix("appstack.apps.appstack.dev/my-app rolled back\n")))
		Expect(changed(text)).To(Equal([]string{"-image: my-app:3", "+image: my-app:2"}))
		Expect(current().Spec.Rollback).To(Equal(&v1alpha1.Rollback{
			ToRevision: 2, FromRevision: ptr.To[int64](3), Cause: "rollback, by admin",
		}))
		Expect(current().Spec.Image).To(Equal("my-app:3"))

		stack := ready()
		Expect(rollouts(stack)[0]).To(Equal("2 Rollback Succeeded"))
		Expect(stack.Status.History[0].Cause).To(Equal("rollback, by admin"))

		By("rolling back further: neither the running revision nor that of the spec is a rollback target")
		does("rollback", app, "--yes")
		Expect(*current().Spec.Rollback).To(And(HaveField("ToRevision", int64(1)), HaveField("FromRevision", HaveValue(Equal(int64(3))))))
	})

	It("goes to the revision that is named, for the cause that is given, and waits for it", func() {
		three()
		e := meanwhile(rollOut, "rollback", app, "--to-revision", "1", "--cause", "checkout fails", "--yes", "--wait")
		Expect(e.code).To(BeZero(), e.stderr)
		Expect(e.stdout).To(ContainSubstring("my-app: ✔ Ready: "))
		stack := current()
		Expect(*stack.Spec.Rollback).To(Equal(v1alpha1.Rollback{ToRevision: 1, FromRevision: ptr.To[int64](3), Cause: "checkout fails"}))
		Expect(rollouts(stack)[0]).To(Equal("1 Rollback Succeeded"))
		Expect(stack.Status.History[0].Cause).To(Equal("checkout fails"))
	})

	It("asks first, and goes on after a yes", func() {
		three()
		for _, answer := range []string{"n\n", "", "\n", "yesterday\n"} {
			changesNothing(func() {
				stdout, stderr, code := plugin{in: strings.NewReader(answer)}.output("rollback", app)
				Expect(code).To(Equal(cli.ExitError))
				Expect(stdout + stderr).To(ContainSubstring("Roll back my-app? [y/N] "))
				Expect(stderr).To(ContainSubstring("error: nothing was changed\n"))
			})
		}
		_, stderr, code := plugin{in: strings.NewReader("y\n")}.output("rollback", app)
		Expect(code).To(BeZero(), stderr)
		Expect(current().Spec.Rollback.ToRevision).To(Equal(int64(2)))
	})

	It("asks nobody where there is no terminal", func() {
		three()
		reader, writer, err := os.Pipe()
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(reader.Close)
		DeferCleanup(writer.Close)
		changesNothing(func() {
			_, stderr, code := plugin{in: reader}.output("rollback", app)
			Expect(code).To(Equal(cli.ExitError))
			Expect(stderr).To(ContainSubstring("the standard input is not a terminal: add --yes"))
		})
	})

	It("writes only the object for programs, and asks beside it", func() {
		three()
		stdout, stderr, code := plugin{in: strings.NewReader("y\n")}.output("rollback", app, "-o", "name")
		Expect(code).To(BeZero(), stderr)
		Expect(stdout).To(Equal("appstack.apps.appstack.dev/my-app\n"))
	})

	It("--dry-run changes nothing, and asks nothing", func() {
		three()
		for _, trial := range []string{"client", "server"} {
			changesNothing(func() {
				Expect(does("rollback", app, "--dry-run="+trial)).To(And(
					ContainSubstring("my-app changes from revision 3 to revision 2."), ContainSubstring("rolled back ("),
					Not(ContainSubstring("[y/N]"))))
			})
		}
		changesNothing(func() {
			stack := read[*v1alpha1.AppStack](does("rollback", app, "--dry-run=server", "-o", "yaml"))
			Expect(stack.Spec.Rollback.ToRevision).To(Equal(int64(2)))
		})
	})

	It("is refused where it leads nowhere, with advice", func() {
		created()
		changesNothing(func() {
			Expect(refuses("rollback", app, "--yes")).To(ContainSubstring("my-app has no other good revision"))
			Expect(refuses("rollback", app, "--to-revision", "1", "--yes")).To(And(
				ContainSubstring("revision 1 is the revision of the spec: there is nothing to roll back"),
				ContainSubstring("kubectl appstack restart my-app -n "+namespace)))
			Expect(refuses("rollback", app, "--to-revision", "9", "--yes")).To(ContainSubstring("my-app has no revision 9: use one of 1"))
		})
		released(fixture.Image("my-app:2"))
		released(fixture.RollbackTo(1, 2))
		changesNothing(func() {
			Expect(refuses("rollback", app, "--to-revision", "2", "--yes")).
				To(ContainSubstring("to end the rollback, run kubectl appstack resume-spec my-app -n " + namespace))
		})
	})

	It("of a stack that never ran says so", func() {
		create(fixture.Paused(true))
		Expect(refuses("rollback", app, "--yes")).To(ContainSubstring("my-app has no revisions yet"))
		Expect(refuses("diff", app, "one")).To(ContainSubstring("my-app has no revisions yet"))
		Expect(refuses("rollback", app, "--yes", "--to-revision", "1")).To(ContainSubstring("my-app has no revisions yet"))
	})

	It("after an automatic one declares what runs to be what is asked for", func() {
		created()
		brokenRelease()
		Expect(does("rollback", app, "--yes", "--wait")).To(ContainSubstring("my-app already runs revision 1: no pod is replaced"))
		stack := ready()
		Expect(*stack.Spec.Rollback).To(And(HaveField("ToRevision", int64(1)), HaveField("FromRevision", HaveValue(Equal(int64(2))))))
		Expect(stack).NotTo(haveType(v1alpha1.ConditionStalled))
		Expect(stack).To(haveCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded))
	})

	It("holds without an end in observations where the spec's content is no revision", func() {
		created()
		change(fixture.Paused(true), fixture.Image("my-app:2"))
		Expect(does("rollback", app, "--yes")).To(And(
			ContainSubstring("The content of the spec has no revision: the rollback is in effect until you run kubectl appstack resume-spec my-app"),
			ContainSubstring("Rollouts are paused")))
		Expect(*current().Spec.Rollback).To(And(HaveField("ToRevision", int64(1)), HaveField("FromRevision", BeNil())))
	})
})

var _ = Describe("the plugin: resume-spec", func() {
	It("ends a rollback, and waits for the spec's content", func() {
		created()
		released(fixture.Image("my-app:2"))
		released(fixture.RollbackTo(1, 2))
		changesNothing(func() {
			Expect(does("resume-spec", app, "--dry-run=server")).To(ContainSubstring("my-app spec resumed (server dry run)"))
		})
		e := meanwhile(rollOut, "resume-spec", app, "--wait")
		Expect(e.code).To(BeZero(), e.stderr)
		Expect(e.stdout).To(ContainSubstring("my-app spec resumed\n"))
		stack := current()
		Expect(stack.Spec.Rollback).To(BeNil())
		Expect(stack.Status.Revision).To(Equal(int64(2)))
	})

	It("is refused where there is no rollback, with advice", func() {
		created()
		Expect(refuses("resume-spec", app)).To(ContainSubstring("my-app is not rolled back: it runs its spec"))
		brokenRelease()
		Expect(refuses("resume-spec", app)).To(And(
			ContainSubstring("my-app was rolled back automatically, because the content of the spec failed"),
			ContainSubstring("kubectl appstack restart my-app -n "+namespace)))
	})
})
