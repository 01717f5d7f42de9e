// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("two managers", func() {
	It("start on two nodes", func(ctx SpecContext) {
		restart(ctx) // after an earlier drain both are on one node, from which nothing moves them
		running := managers(ctx)
		Expect(running).To(HaveLen(2))
		Expect(running[0].Spec.NodeName).NotTo(Equal(running[1].Spec.NodeName))
	})

	It("finish a rollout whose leader is killed", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		w.apply(oneLine("v1"))
		w.becomesReady(ctx)
		w.patch(`{"spec":{"image":"%sslow-start"}}`, images)
		Eventually(ctx, func() bool { return w.hasBegunTo(ctx, "slow-start") }).Should(BeTrue())

		killed := killLeader(ctx)
		Expect(history(w.becomesReady(ctx))).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		Expect(leader(ctx)).NotTo(Equal(killed))
		operatorRuns(ctx)
	})

	It("roll back a release that fails while its leader is killed", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		w.apply(oneLine("v1"))
		w.becomesReady(ctx)
		w.patch(`{"spec":{"image":"%scrash-at-start"}}`, images)
		Eventually(ctx, func() bool { return w.hasBegunTo(ctx, "crash-at-start") }).Should(BeTrue())

		killed := killLeader(ctx)
		Expect(w.rolledBack(ctx).Status.Failure.Message).To(ContainSubstring("no route to the database"))
		Expect(leader(ctx)).NotTo(Equal(killed))
		operatorRuns(ctx)
	})

	It("may both restart without a change to running stacks, and then continue", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		w.apply(oneLine("v1", replicas(2)))
		w.becomesReady(ctx)
		before := w.settled(ctx)

		restart(ctx)
		w.isLeftAlone(ctx, before)
		w.patch(`{"spec":{"image":"%sv2"}}`, images)
		Expect(history(w.becomesReady(ctx))[0]).To(Equal("2 SpecChanged Succeeded"))
	})
})
