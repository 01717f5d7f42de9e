// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"

	"github.com/appstack-dev/appstack/internal/cli"
	"github.com/appstack-dev/appstack/test/fixture"
)

// going is a running command.
type going struct {
	out, err *gbytes.Buffer
	// code receives the exit code when it ends.
	code chan int
	// interrupt does what Ctrl-C does.
	interrupt func()
}

// goes starts a command in the background. It is interrupted at the end of the spec.
func goes(args ...string) going {
	GinkgoHelper()
	return goesBy(kubeconfig(), args...)
}

// goesBy starts a command in the background with the given kubeconfig.
func goesBy(file string, args ...string) going {
	GinkgoHelper()
	running, cancel := context.WithCancel(ctx)
	DeferCleanup(cancel)
	g := going{out: gbytes.NewBuffer(), err: gbytes.NewBuffer(), code: make(chan int, 1), interrupt: cancel}
	command := plugin{out: g.out, err: g.err, kubeconfig: file}
	go func() {
		defer GinkgoRecover()
		g.code <- command.run(running, args...)
	}()
	return g
}

var _ = Describe("the plugin: status --watch", func() {
	It("without a terminal writes a line for each change, until it is interrupted", func() {
		created()
		status := goes("status", app, "-w")
		Eventually(status.out).Should(gbytes.Say(`\d\d:\d\d:\d\d  my-app: ✔ Ready: .*\(3/3 ready\)\n`))
		change(fixture.Image("my-app:2"))
		Eventually(status.out).Should(gbytes.Say(`my-app: ◌ Progressing: .*\n`))
		ready()
		Eventually(status.out).Should(gbytes.Say(`my-app: ✔ Ready: .*\(3/3 ready\)\n`))
		Consistently(status.code).ShouldNot(Receive())

		status.interrupt()
		Eventually(status.code).Should(Receive(BeZero()))
		Expect(string(status.err.Contents())).To(BeEmpty())
	})

	It("ends when the stack is deleted", func() {
		created()
		status := goes("status", app, "-w")
		Eventually(status.out).Should(gbytes.Say("my-app: ✔ Ready"))
		deleteStack()
		Eventually(status.code).Should(Receive(Equal(cli.ExitError)))
		Expect(status.err).To(gbytes.Say("error: the stack was deleted\n"))
	})

	It("of what is not there, or for programs, is refused", func() {
		Expect(refuses("status", app, "-w")).To(ContainSubstring(`AppStack "my-app" not found in namespace ` + namespace))
		Expect(refuses("status", app, "-w", "-o", "json")).To(ContainSubstring("--watch cannot be used with --output json"))
	})
})

var _ = Describe("the plugin: wait", func() {
	It("ends at once where there is nothing to wait for", func() {
		created()
		Expect(does("wait", app)).To(MatchRegexp(`^\d\d:\d\d:\d\d  my-app: ✔ Ready: .*\n$`))
	})

	It("waits until the newest spec runs, and tells how it goes", func() {
		created()
		change(fixture.Image("my-app:2"))
		moved(2)
		waiting := goes("wait", app)
		Eventually(waiting.out).Should(gbytes.Say("my-app: ◌ Progressing: "))
		Consistently(waiting.code).ShouldNot(Receive())
		ready()
		Eventually(waiting.code).Should(Receive(BeZero()))
		Expect(waiting.out).To(gbytes.Say("my-app: ✔ Ready: "))
		Expect(string(waiting.err.Contents())).To(BeEmpty())
	})

	It("ends with 1 when the release fails, and writes why to the standard error", func() {
		created()
		change(fixture.Image("my-app:2"))
		moved(2)
		waiting := goes("wait", app)
		Eventually(waiting.out).Should(gbytes.Say("my-app: ◌ Progressing: "))
		pod := podOf(replicaSetOf(deployment(app)))
		fails(pod)
		Eventually(waiting.code).Should(Receive(Equal(cli.ExitError)))
		Expect(string(waiting.err.Contents())).To(And(
			ContainSubstring("Revision 2 failed"), ContainSubstring("InvalidImageName"),
			ContainSubstring("couldn't parse image name"), ContainSubstring(pod.Name),
			ContainSubstring("kubectl appstack set-image my-app IMAGE -n "+namespace),
			MatchRegexp("error: my-app: .*RolledBack: ")))

		By("reporting the same later")
		healed()
		Expect(refuses("wait", app)).To(And(ContainSubstring("Revision 2 failed"), MatchRegexp("error: my-app: .*RolledBack: ")))
	})

	It("ends with 1 when the spec is refused", func() {
		create(fixture.Env("a=b", "c"))
		Expect(refuses("wait", app)).To(And(
			MatchRegexp("error: my-app: .*Rejected: "), ContainSubstring("spec.template.spec.containers[0].env[0].name")))
	})

	It("ends with 2 when the time is over", func() {
		created()
		change(fixture.Image("my-app:2"))
		moved(2)
		stdout, stderr, code := appstack("wait", app, "--timeout", "300ms")
		Expect(code).To(Equal(cli.ExitTimeout), stderr)
		Expect(stdout).To(ContainSubstring("my-app: ◌ Progressing: "))
		Expect(stderr).To(And(
			MatchRegexp("^error: not ready after 300ms: my-app: .*Progressing: "),
			ContainSubstring("see kubectl appstack why my-app -n "+namespace)))
	})

	It("ends with 1 for a stack that is paused, and tells how to let it go on", func() {
		create(fixture.Paused(true))
		Expect(refuses("wait", app)).To(And(
			ContainSubstring("kubectl appstack resume my-app -n "+namespace), MatchRegexp("error: my-app: .*Paused: ")))
	})

	It("ends with an error when it is interrupted before the stack is ready", func() {
		created()
		change(fixture.Image("my-app:2"))
		moved(2)
		waiting := goes("wait", app)
		Eventually(waiting.out).Should(gbytes.Say("my-app: ◌ Progressing: "))
		waiting.interrupt()
		Eventually(waiting.code).Should(Receive(Equal(cli.ExitError)))
	})

	It("ends with 1 when the stack is deleted, and when there is none", func() {
		create()
		waiting := goes("wait", app)
		Eventually(waiting.out).Should(gbytes.Say("my-app: ◌ "))
		deleteStack()
		Eventually(waiting.code).Should(Receive(Equal(cli.ExitError)))
		Expect(waiting.err).To(gbytes.Say("error: the stack was deleted\n"))
		Expect(refuses("wait", app)).To(ContainSubstring(`AppStack "my-app" not found in namespace ` + namespace))
	})
})
