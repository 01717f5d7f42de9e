// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim_test

import (
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/sim"
)

var _ = DescribeTable("the config of a stack", tellStory,
	Entry("R31 R32 R34 a changed ConfigMap is released, and changed back it returns to the earlier revision", "config-changed", func(s story) {
		s.SetConfig("web", "")
		s.apply("kubectl apply: image my-app:1, with ConfigMap web", EnvFrom("web"))
		s.settle()
		s.Say("ConfigMap web changes")
		s.SetConfig("web", "more")
		s.settle()
		s.Say("ConfigMap web is put back")
		s.SetConfig("web", "")
		s.settle()
		s.apply("rollback: {toRevision: 2}", RollbackTo(2, 0))
		s.settle()
	}),
	Entry("R34 a release that fails because of its ConfigMap is rolled back, and the fix is released", "config-crash", func(s story) {
		s.SetConfig("web", "")
		s.apply("kubectl apply: image my-app:1, with ConfigMap web", EnvFrom("web"))
		s.settle()
		s.Say("ConfigMap web changes, and the app crashes by it")
		s.SetConfig("web", "crash")
		s.settle()
		s.apply("replicas 5", Replicas(5))
		s.settle()
		s.Say("ConfigMap web is fixed")
		s.SetConfig("web", "fixed")
		s.settle()
	}),
	Entry("R32 changes in quick succession, also with the spec, are one release", "config-gathered", func(s story) {
		s.SetConfig("web", "")
		s.SetConfig("env", "")
		s.apply("kubectl apply: image my-app:1, with ConfigMaps web and env", EnvFrom("web", "env"))
		s.settle()
		s.Say("ConfigMap web changes, and env two seconds later")
		s.SetConfig("web", "more")
		s.Wait(2)
		s.SetConfig("env", "more")
		s.settle()
		s.Say("ConfigMap web changes, and the image with it")
		s.SetConfig("web", "other")
		s.apply("image my-app:2", Image("my-app:2"))
		s.settle()
	}),
	Entry("R33 a release waits for a missing ConfigMap, and a deleted one changes nothing", "config-missing", func(s story) {
		s.SetConfig("other", "")
		s.apply("kubectl apply: image my-app:1, with ConfigMap web, which is missing", EnvFrom("web"))
		s.settle()
		s.Say("ConfigMap web is created")
		s.SetConfig("web", "")
		s.settle()
		s.Say("ConfigMap web is deleted")
		s.RemoveConfig("web")
		s.settle()
		s.apply("image my-app:2", Image("my-app:2"))
		s.settle()
	}),
	Entry("R31 copies are pruned with their revisions, and created again when they are deleted", "config-copies", func(s story) {
		s.SetConfig("web", "")
		s.apply("kubectl apply: image my-app:1, with ConfigMap web, revisionHistoryLimit 1", EnvFrom("web"), HistoryLimit(1))
		s.settle()
		s.Say("ConfigMap web changes")
		s.SetConfig("web", "more")
		s.settle()
		s.Say("somebody deletes the copy")
		s.RemoveConfig(s.Copies()[0])
		s.settle()
		s.Say("somebody deletes ConfigMap web and then the copy")
		s.RemoveConfig("web")
		s.RemoveConfig(s.Copies()[0])
		s.settle()
	}),
	Entry("R34 R35 files change with the spec, and a ConfigMap beside them", "config-files", func(s story) {
		files := func(content string) Option {
			return func(s *v1alpha1.AppStack) { s.Spec.Files = []v1alpha1.File{{Path: "/etc/app.conf", Content: content}} }
		}
		s.SetConfig("web", "")
		s.apply("kubectl apply: image my-app:1, with ConfigMap web and a file", EnvFrom("web"), files("a"))
		s.settle()
		s.Say("ConfigMap web changes")
		s.SetConfig("web", "more")
		s.settle()
		s.apply("the file changes", files("b"))
		s.settle()
		s.Say("ConfigMap web is put back")
		s.SetConfig("web", "")
		s.settle()
		s.apply("and so is the file", files("a"))
		s.settle()
	}),
	Entry("R2 R32 a revision without copies keeps its pods, and a change of its ConfigMap is released", "config-upgrade", func(s story) {
		s.apply("kubectl apply to an operator without copies: image my-app:1, with ConfigMap web", EnvFrom("web"))
		s.settle()
		s.Say("the operator is upgraded; ConfigMap web is there")
		s.SetConfig("web", "")
		s.settle()
		s.Say("ConfigMap web changes")
		s.SetConfig("web", "more")
		s.settle()
		s.apply("rollback: {toRevision: 1}, which names ConfigMap web itself", RollbackTo(1, 0))
		s.settle()
	}),
)

var _ = It("R32 holds a stack whose ConfigMap keeps changing", func() {
	s := story{sim.New()}
	s.SetConfig("web", "0")
	s.apply("kubectl apply", EnvFrom("web"))
	s.settle()
	for n := range 13 {
		s.SetConfig("web", strconv.Itoa(n+1))
		s.Wait(60)
	}
	ready := meta.FindStatusCondition(s.Stack().Status.Conditions, v1alpha1.ConditionReady)
	Expect(ready.Reason).To(Equal(v1alpha1.ReasonConfigContested), ready.Message)
	Expect(s.Stack().Status.Revision).To(BeEquivalentTo(13))
	s.Wait(3600)
	Expect(s.Stack().Status.Revision).To(BeEquivalentTo(14), "the last change must be released after an hour:\n%s", s.Transcript())
	Expect(s.Violations()).To(BeEmpty())
})
