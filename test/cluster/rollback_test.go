// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

var _ = Describe("Rolling back to revision 1 of 3", func() {
	var (
		w     scene
		stack *v1alpha1.AppStack
		// template and pods are the pod template and the active ReplicaSets of revision 1
		template string
		pods     []types.UID
		// sets are the ReplicaSets of all three revisions
		sets []types.UID
	)
	podTemplate := func() string { return w.Kubectl("get", "deployment/my-app", "-o", "jsonpath={.spec.template}") }

	BeforeEach(func(ctx SpecContext) {
		w = newScene(ctx)
		stack = fixture.Stack(app, fixture.Image("my-app:1"), fixture.Env("GREETING", "hello"))
		w.Apply(stack)
		w.BecomesReady(ctx)
		template, pods = podTemplate(), w.ActiveReplicaSets(ctx)
		for _, image := range []string{"my-app:2", "my-app:3"} {
			w.Apply(fixture.With(stack, fixture.Image(image)))
			w.BecomesReady(ctx)
		}
		sets = w.ReplicaSets(ctx)
		Expect(sets).To(HaveLen(3))
		Expect(podTemplate()).NotTo(Equal(template))
	})

	// rollBack rolls back to revision 1 and checks all guarantees of a rollback.
	rollBack := func(ctx context.Context, from int64) {
		GinkgoHelper()
		w.Apply(fixture.With(stack, fixture.RollbackTo(1, from)))
		after := w.BecomesReady(ctx)
		Expect(podTemplate()).To(Equal(template), "the pod template is not byte for byte that of revision 1")
		Expect(w.ActiveReplicaSets(ctx)).To(Equal(pods))
		Expect(w.ReplicaSets(ctx)).To(ConsistOf(sets))
		Expect(w.Revisions(ctx)).To(ConsistOf("my-app-1", "my-app-2", "my-app-3"))
		Expect(after.Status.Revision).To(BeEquivalentTo(1))
		Expect(world.History(after)).To(Equal([]string{
			"1 Rollback Succeeded", "3 SpecChanged Succeeded", "2 SpecChanged Succeeded", "1 SpecChanged Succeeded",
		}))
	}

	It("brings back its pod template and its ReplicaSet, and a content change waits until rollback is removed (R3, R7, R10)",
		func(ctx SpecContext) {
			rollBack(ctx, 0)

			w.Apply(fixture.With(stack, fixture.Image("my-app:4")))
			Consistently(ctx, func(g Gomega) {
				g.Expect(podTemplate()).To(Equal(template))
				g.Expect(w.Revisions(ctx)).To(HaveLen(3))
			}).Should(Succeed())
			w.BecomesReady(ctx)

			w.Apply(fixture.With(stack, fixture.NoRollback()))
			after := w.BecomesReady(ctx)
			Expect(after.Status.Revision).To(BeEquivalentTo(4))
			Expect(after.Status.Image).To(Equal("my-app:4"))
		})

	It("holds for fromRevision only, and a content change moves forward to 4 (R3, R7, R10)", func(ctx SpecContext) {
		rollBack(ctx, 3)

		w.Apply(fixture.With(stack, fixture.Image("my-app:4")))
		after := w.BecomesReady(ctx)
		Expect(after.Status.Revision).To(BeEquivalentTo(4))
		Expect(after.Status.Image).To(Equal("my-app:4"))
		Expect(w.Revisions(ctx)).To(ConsistOf("my-app-1", "my-app-2", "my-app-3", "my-app-4"))

		By("restoring the content of revision 3, which rolls back again")
		w.Apply(fixture.With(stack, fixture.Image("my-app:3")))
		after = w.BecomesReady(ctx)
		Expect(after.Status.Revision).To(BeEquivalentTo(1))
		Expect(podTemplate()).To(Equal(template))
		Expect(w.ActiveReplicaSets(ctx)).To(Equal(pods))
	})

	It("to a revision that does not exist changes nothing that runs (R15, R30)", func(ctx SpecContext) {
		running := podTemplate()
		w.Apply(fixture.With(stack, fixture.RollbackTo(9, 0)))
		message := w.Stalls(ctx, v1alpha1.ReasonRevisionNotFound)
		Expect(message).To(ContainSubstring("revision 9"))
		AddReportEntry("a revision that does not exist", message)
		Expect(podTemplate()).To(Equal(running))
		Expect(w.ReadyPods(ctx)).To(HaveLen(3))

		w.Apply(fixture.With(stack, fixture.NoRollback()))
		w.BecomesReady(ctx)
	})
})
