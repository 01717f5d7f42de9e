// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package faults_test

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
	"github.com/appstack-dev/appstack/test/oracle"
	"github.com/appstack-dev/appstack/test/world"
)

// jumpy is a clock that is reset while it runs. Durations that it measures do not jump, as with the real
// one.
type jumpy struct {
	clock.RealClock
	ahead *atomic.Int64
	// told has, by what the clock told in nanoseconds, when it did.
	told *sync.Map
}

func newJumpy() jumpy { return jumpy{ahead: &atomic.Int64{}, told: &sync.Map{}} }

// Now implements clock.PassiveClock.
func (j jumpy) Now() time.Time {
	now := time.Now()
	shown := now.Add(time.Duration(j.ahead.Load())).Round(0)
	j.told.Store(shown.UnixNano(), now)
	return shown
}

// Since implements clock.PassiveClock.
func (j jumpy) Since(then time.Time) time.Duration {
	if at, ok := j.told.Load(then.UnixNano()); ok {
		return time.Since(at.(time.Time)) //nolint:forcetypeassert // see Now
	}
	return j.Now().Sub(then)
}

func (j jumpy) jump(by time.Duration) { j.ahead.Add(int64(by)) }

var _ = Describe("An operator whose clock jumps", func() {
	// begun returns a stack that such an operator has made Ready, in its own namespace.
	begun := func(ctx context.Context) (string, jumpy) {
		GinkgoHelper()
		namespace, clock := world.New(ctx).Namespace, newJumpy()
		stop, err := operator.Start(context.Background(), config, operator.Options{Namespaces: []string{namespace}, Clock: clock})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(stop()).To(Succeed()) })
		a := created(PodTemplate(slowly))
		Expect(a.by(ctx, namespace)).To(Succeed())
		Expect(a.await(ctx, namespace, patience)).To(Succeed())
		return namespace, clock
	}
	wrong := func(ctx context.Context, namespace string) []string {
		GinkgoHelper()
		read, err := oracle.Read(ctx, world.Kube, namespace)
		Expect(err).NotTo(HaveOccurred())
		return read.Wrong()
	}

	DescribeTable("between rollouts: goes on, and keeps the order of the history",
		func(ctx SpecContext, by time.Duration) {
			namespace, clock := begun(ctx)
			clock.jump(by)
			Expect(change(Image("my-app:2"))(ctx, namespace)).To(Succeed())
			Expect(told(ctx, namespace)).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
			Expect(change(RollbackTo(1, 2))(ctx, namespace)).To(Succeed())
			Expect(told(ctx, namespace)).To(Equal([]string{"1 Rollback Succeeded", "2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
			Expect(wrong(ctx, namespace)).To(BeEmpty())
		},
		Entry("an hour back", SpecTimeout(3*time.Minute), -time.Hour),
		Entry("an hour ahead", SpecTimeout(3*time.Minute), time.Hour),
	)

	It("an hour back in the middle of a rollout: ends it", func(ctx SpecContext) {
		namespace, clock := begun(ctx)
		underWay(ctx, namespace, "my-app:2")
		clock.jump(-time.Hour)
		Expect(told(ctx, namespace)).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		Expect(wrong(ctx, namespace)).To(BeEmpty())
	}, SpecTimeout(3*time.Minute))

	It("back in the middle of one that fails: rolls back all the same (R12)", func(ctx SpecContext) {
		namespace, clock := begun(ctx)
		Expect(change(Image("my-app:crash"))(ctx, namespace)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			stack, err := world.Get[v1alpha1.AppStack](ctx, namespace, world.App)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(stack.Status.Revision).To(BeEquivalentTo(2))
		}).Should(Succeed())
		clock.jump(-time.Hour)
		Expect(act{reason: v1alpha1.ReasonRolledBack}.await(ctx, namespace, patience)).To(Succeed())
		Expect(wrong(ctx, namespace)).To(BeEmpty())
	}, SpecTimeout(3*time.Minute))

	It("ahead by more than the deadline in the middle of a rollout: ends it (R17)", func(ctx SpecContext) {
		namespace, clock := begun(ctx)
		underWay(ctx, namespace, "my-app:2")
		clock.jump(time.Hour)
		Expect(told(ctx, namespace)).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		Expect(wrong(ctx, namespace)).To(BeEmpty())
	}, SpecTimeout(3*time.Minute))
})
