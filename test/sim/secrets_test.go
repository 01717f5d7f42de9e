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

var _ = DescribeTable("the Secrets of a stack", tellStory,
	Entry("R36 a changed Secret replaces the pods of the component that uses it", "secret-changed", func(s story) {
		s.SetSecret("db", "")
		s.apply("kubectl apply: image my-app:1, with Secret db, and a worker without it", SecretEnv("db"), worker(1))
		s.settle()
		s.Say("the labels of Secret db change")
		s.SetSecret("db", "")
		s.settle()
		s.Say("the data of Secret db changes")
		s.SetSecret("db", "rotated")
		s.settle()
		s.apply("only the worker changes: the other pods stay", func(s *v1alpha1.AppStack) { s.Spec.Components[0].Args = []string{"harder"} })
		s.settle()
		s.Say("Secret db is deleted, and created with other data")
		s.RemoveSecret("db")
		s.Wait(20)
		s.SetSecret("db", "rotated again")
		s.settle()
	}),
	Entry("R36 a Secret by which the app crashes is rolled back, and the fix replaces pods again", "secret-crash", func(s story) {
		s.SetSecret("db", "")
		s.apply("kubectl apply: image my-app:1, with Secret db", SecretEnv("db"))
		s.settle()
		s.Say("Secret db changes, and the app crashes by it")
		s.SetSecret("db", "crash")
		s.settle()
		s.Say("Secret db is fixed")
		s.SetSecret("db", "fixed")
		s.settle()
	}),
	Entry("R36 a change waits for a rollback by hand and for a pause, and is released with new content", "secret-waits", func(s story) {
		s.SetSecret("db", "")
		s.apply("kubectl apply: image my-app:1, with Secret db", SecretEnv("db"))
		s.settle()
		s.apply("image my-app:2", Image("my-app:2"))
		s.settle()
		s.apply("rollback: {toRevision: 1}", RollbackTo(1, 0))
		s.settle()
		s.Say("Secret db changes")
		s.SetSecret("db", "rotated")
		s.settle()
		s.apply("rollback removed", NoRollback())
		s.settle()
		s.apply("paused", Paused(true))
		s.Say("Secret db changes")
		s.SetSecret("db", "rotated again")
		s.settle()
		s.apply("image my-app:3, no longer paused", Image("my-app:3"), Paused(false))
		s.settle()
	}),
	Entry("R36 without the right to watch Secrets nothing is replaced, and Ready says how to give it", "secret-denied", func(s story) {
		s.SetSecret("db", "")
		s.DenySecrets("secretChanges has no effect")
		s.apply("kubectl apply: image my-app:1, with Secret db", SecretEnv("db"))
		s.settle()
		s.Say("Secret db changes")
		s.SetSecret("db", "rotated")
		s.settle()
		s.Say("an administrator gives the right")
		s.DenySecrets("")
		s.settle()
		s.Say("Secret db changes")
		s.SetSecret("db", "rotated again")
		s.settle()
		s.apply("secretChanges: Ignore", func(s *v1alpha1.AppStack) { s.Spec.SecretChanges = v1alpha1.SecretChangesIgnore })
		s.settle()
		s.Say("Secret db changes")
		s.SetSecret("db", "ignored")
		s.settle()
	}),
	Entry("R36 a change is noticed that was made while no operator ran", "secret-away", func(s story) {
		s.SetSecret("db", "")
		s.apply("kubectl apply: image my-app:1, with Secret db", SecretEnv("db"))
		s.settle()
		s.Say("the operator is away, and Secret db changes")
		s.SetSecret("db", "rotated")
		s.OperateAndDie(0)
		s.settle()
	}),
)

var _ = It("R36 holds a stack whose Secret keeps changing", func() {
	s := story{sim.New()}
	s.SetSecret("db", "0")
	s.apply("kubectl apply", SecretEnv("db"))
	s.settle()
	for n := range 13 {
		s.SetSecret("db", strconv.Itoa(n+1))
		s.Wait(60)
	}
	ready := meta.FindStatusCondition(s.Stack().Status.Conditions, v1alpha1.ConditionReady)
	Expect(ready.Reason).To(Equal(v1alpha1.ReasonConfigContested), ready.Message)
	Expect(ready.Message).To(ContainSubstring("Secret db changed (db by ops)"))
	Expect(s.Stack().Status.Revision).To(BeEquivalentTo(13))
	s.Wait(3600)
	Expect(s.Stack().Status.Revision).To(BeEquivalentTo(14), "the last change must be released after an hour:\n%s", s.Transcript())
	Expect(s.Violations()).To(BeEmpty())
})
