// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim_test

import (
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/sim"
)

// envFrom makes the main component use ConfigMaps as its environment.
func envFrom(names ...string) Option {
	return func(s *v1alpha1.AppStack) {
		s.Spec.EnvFrom = nil
		for _, name := range names {
			s.Spec.EnvFrom = append(s.Spec.EnvFrom, corev1.EnvFromSource{
				ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}},
			})
		}
	}
}

var _ = DescribeTable("the config of a stack", tellStory,
	Entry("R31 R32 R34 a changed ConfigMap is a release, and a reverted one returns to the earlier revision", "config-changed", func(s story) {
		s.SetConfig("web", "")
		s.apply("kubectl apply: image my-app:1, with ConfigMap web", envFrom("web"))
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
		s.apply("kubectl apply: image my-app:1, with ConfigMap web", envFrom("web"))
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
	Entry("R32 changes in quick succession, with a change of the spec, are one release", "config-gathered", func(s story) {
		s.SetConfig("web", "")
		s.SetConfig("env", "")
		s.apply("kubectl apply: image my-app:1, with ConfigMaps web and env", envFrom("web", "env"))
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
	Entry("R33 a release waits for a missing ConfigMap, and deleting one changes nothing", "config-missing", func(s story) {
		s.SetConfig("other", "")
		s.apply("kubectl apply: image my-app:1, with ConfigMap web, which is missing", envFrom("web"))
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
		s.apply("kubectl apply: image my-app:1, with ConfigMap web, revisionHistoryLimit 1", envFrom("web"), HistoryLimit(1))
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
	Entry("R2 R32 a revision without copies keeps its pods, and a change starts a release", "config-upgrade", func(s story) {
		s.apply("kubectl apply to an operator without copies: image my-app:1, with ConfigMap web", envFrom("web"))
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
	s.apply("kubectl apply", envFrom("web"))
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
