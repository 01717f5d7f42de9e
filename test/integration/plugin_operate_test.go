// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("the plugin: restart", func() {
	// moment is a clock that does not advance.
	moment := func() *clocktesting.FakeClock { return clocktesting.NewFakeClock(hour(1).Add(300 * time.Millisecond)) }

	It("releases the same content anew, each time that it is asked to, twice in a second too", func() {
		created()
		at := moment()
		for number := range int64(2) {
			_, stderr, code := plugin{clock: at}.output("restart", app, "--cause", "stuck")
			Expect(code).To(BeZero(), stderr)
			moved(number + 2)
			stack := ready()
			Expect(rollouts(stack)[0]).To(HaveSuffix("Restart Succeeded"))
			Expect(stack.Status.History[0].Cause).To(Equal("stuck"))
		}
		Expect(current().Spec.RestartedAt.Time).To(BeTemporally("==", hour(1).Add(time.Second)))
		Expect(deployment(app).Spec.Template.Annotations).To(HaveKey(naming.AnnotationRestartedAt))
	})

	It("is not lost where one of the same second is taken up in between", func() {
		created()
		change(fixture.Paused(true))
		at := moment()
		_, stderr, code := plugin{clock: at}.output("restart", app)
		Expect(code).To(BeZero(), stderr)

		file := interrupted(func() {
			change(fixture.Paused(false))
			moved(2)
		})
		_, stderr, code = plugin{clock: at, kubeconfig: file}.output("restart", app)
		Expect(code).To(BeZero(), stderr)
		moved(3)
	})

	It("tries again what failed", func() {
		created()
		brokenRelease()
		does("restart", app)
		moved(3)
		stack := ready()
		Expect(stack.Status.Image).To(Equal("my-app:2"))
		Expect(stack.Status.History[0].Cause).To(Equal("restart, by admin"))
	})

	It("says that it waits for a rollback, or a pause", func() {
		created()
		change(fixture.RollbackTo(1, 0))
		_, stderr, code := appstack("restart", app)
		Expect(code).To(BeZero())
		Expect(stderr).To(MatchRegexp("rollback to revision 1 is in effect.*kubectl appstack resume-spec my-app -n " + namespace))
		change(fixture.NoRollback(), fixture.Paused(true))
		_, stderr, _ = appstack("restart", app)
		Expect(stderr).To(ContainSubstring("my-app is paused: to roll out the change, run kubectl appstack resume my-app"))
	})
})

var _ = Describe("the plugin: pause and resume", func() {
	It("stop rollouts, and let them go on", func() {
		created()
		Expect(does("pause", app)).To(Equal("appstack.apps.appstack.dev/my-app paused\n"))
		Expect(current().Spec.Paused).To(BeTrue())
		change(fixture.Image("my-app:2"))
		Eventually(func() string { return does("status", app) }).Should(HavePrefix("◌ Paused: "))
		Expect(numbers()).To(Equal([]int64{1}))

		e := meanwhile(rollOut, "resume", app, "--wait")
		Expect(e.code).To(BeZero(), e.stderr)
		Expect(e.stdout).To(HavePrefix("appstack.apps.appstack.dev/my-app resumed\n"))
		Expect(current().Spec.Paused).To(BeFalse())
		Expect(current().Status.Revision).To(Equal(int64(2)))
	})

	It("say that there was nothing to do", func() {
		created()
		_, stderr, code := appstack("resume", app)
		Expect(code).To(BeZero())
		Expect(stderr).To(Equal("my-app is not paused\n"))
		does("pause", app)
		changesNothing(func() {
			_, stderr, code := appstack("pause", app)
			Expect(code).To(BeZero())
			Expect(stderr).To(Equal("my-app is already paused\n"))
		})
		Expect(refuses("pause", app, "--wait")).To(ContainSubstring("--wait"), "a pause has nothing to wait for")
	})
})

var _ = Describe("the plugin: scale", func() {
	It("sets the number of pods of components, and makes no revision", func() {
		created(fixture.Component("worker", 2, nil, "work"))
		Expect(does("scale", app, "5")).To(Equal("appstack.apps.appstack.dev/my-app scaled\n"))
		Expect(*current().Spec.Replicas).To(Equal(int32(5)))
		e := meanwhile(rollOut, "scale", app, "main=4", "worker=0", "--wait")
		Expect(e.code).To(BeZero(), e.stderr)
		Expect(*deployment(app).Spec.Replicas).To(Equal(int32(4)))
		Expect(*deployment(worker).Spec.Replicas).To(BeZero())
		does("scale", app, "--replicas", "2", "worker=1")
		Expect(*current().Spec.Replicas).To(Equal(int32(2)))
		Expect(*current().Spec.Components[0].Replicas).To(Equal(int32(1)))
		ready()
		Expect(numbers()).To(Equal([]int64{1}))
	})

	It("refuses what is no number, what there is not, and what an autoscaler has", func() {
		create(autoscaled(v1alpha1.Autoscaling{MaxReplicas: 3}), fixture.Component("worker", 2, nil, "work"))
		changesNothing(func() {
			Expect(refuses("scale", app, "5")).To(ContainSubstring("an autoscaler sets the number of pods of main"))
			Expect(refuses("scale", app, "worker=5", "main=5")).To(ContainSubstring("an autoscaler sets"))
			Expect(refuses("scale", app, "worker=many")).To(ContainSubstring(`invalid number of pods "many": must be 0 or more`))
			Expect(refuses("scale", app, "worker=-1")).To(ContainSubstring(`invalid number of pods "-1"`))
			Expect(refuses("scale", app, "mailer=1")).To(ContainSubstring(`my-app has no component "mailer": use one of main, worker`))
			Expect(refuses("scale", app)).To(ContainSubstring("a number of pods is required, such as kubectl appstack scale my-app 3"))
		})
	})
})

// eachChange has an entry for each command that changes a stack. The stack is rolled back
// from revision 2 to 1.
var eachChange = []TableEntry{
	Entry("set-image", "set-image", app, "my-app:3"),
	Entry("rollback", "rollback", app, "--to-revision", "1", "--yes"),
	Entry("resume-spec", "resume-spec", app),
	Entry("restart", "restart", app),
	Entry("pause", "pause", app),
	Entry("resume", "resume", app),
	Entry("scale", "scale", app, "5"),
}

var _ = Describe("the plugin: what changes a stack", func() {
	rolledBack := func() {
		GinkgoHelper()
		created()
		released(fixture.Image("my-app:2"))
		change(fixture.RollbackTo(1, 2), fixture.Paused(true))
	}

	DescribeTable("changes nothing with --dry-run",
		func(args ...string) {
			rolledBack()
			changesNothing(func() {
				Expect(does(append(args, "--dry-run")...)).To(HaveSuffix(" (dry run)\n"))
				Expect(does(append(args, "--dry-run=server")...)).To(HaveSuffix(" (server dry run)\n"))
				Expect(does(append(args, "--dry-run=server", "-o", "name")...)).To(Equal("appstack.apps.appstack.dev/my-app\n"))
				Expect(refuses(append(args, "--dry-run=server", "--wait")...)).To(ContainSubstring("--wait"))
				Expect(refuses(append(args, "--dry-run=maybe")...)).To(ContainSubstring("--dry-run=maybe"))
			})
		}, eachChange)

	DescribeTable("changes nothing where the output is unknown",
		func(args ...string) {
			rolledBack()
			changesNothing(func() {
				Expect(refuses(append(args, "-o", "bogus")...)).To(ContainSubstring("bogus"))
			})
		}, eachChange)

	DescribeTable("writes the stack for programs",
		func(args ...string) {
			rolledBack()
			stack := read[*v1alpha1.AppStack](does(append(args, "-o", "yaml")...))
			Expect(stack.Kind).To(Equal("AppStack"))
			Expect(stack.Spec).To(Equal(current().Spec))
			Expect(read[*v1alpha1.AppStack](does("status", app, "-o", "json")).Spec).To(Equal(stack.Spec))
		}, eachChange)

	DescribeTable("of an unknown name says where it looked",
		func(args ...string) {
			Expect(refuses(args...)).To(ContainSubstring(
				`AppStack "my-app" not found in namespace ` + namespace + ": see kubectl appstack list -A"))
		}, eachChange)
})
