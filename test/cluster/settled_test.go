// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"cmp"
	"fmt"
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
)

// settledFor is how long a settled stack is looked at.
func settledFor() time.Duration {
	GinkgoHelper()
	duration, err := time.ParseDuration(cmp.Or(os.Getenv("APPSTACK_SETTLED_DURATION"), "20s"))
	Expect(err).NotTo(HaveOccurred(), "APPSTACK_SETTLED_DURATION is a duration, such as 10m")
	return duration
}

var _ = Describe("A settled stack", func() {
	It("costs no write and no read of the API, however often it is looked at", func(ctx SpecContext) {
		const leastPasses = 20
		w := newWorld(ctx)
		stack := fixture.Stack(app, fixture.Component("worker", 2, nil, "work"))
		fixture.With(stack, withoutProbeDelay)
		withOperator(operator.Options{Resync: time.Second})
		start := markNow()
		w.apply(stack)
		w.becomesReady(ctx)
		Expect(start.quiet(ctx, w)).To(ContainElements(
			HavePrefix("create /apis/apps/v1/namespaces/"+w.namespace+"/deployments"),
			HavePrefix("patch /apis/apps.appstack.dev/v1alpha1/namespaces/"+w.namespace+"/appstacks/my-app/status")),
			"the audit log shows what a change costs")

		settled, passes, begun := markNow(), operator.Reconciled(), time.Now()
		Consistently(ctx, func() []string { return settled.requests(w) }).WithTimeout(settledFor()).WithPolling(time.Second).Should(BeEmpty())
		Eventually(ctx, func() float64 { return operator.Reconciled() - passes }).Should(BeNumerically(">=", leastPasses))
		Expect(settled.requests(w)).To(BeEmpty())
		AddReportEntry("a settled stack", fmt.Sprintf(
			"no read and no write in %s, in which it was looked at %.0f times and %d watches were opened again",
			time.Since(begun).Round(time.Second), operator.Reconciled()-passes, settled.watches()))

		changed := markNow()
		w.apply(fixture.With(stack, fixture.Replicas(4)))
		w.becomesReady(ctx)
		requests := changed.quiet(ctx, w)
		Expect(requests).NotTo(BeEmpty())
		AddReportEntry("one change of replicas", fmt.Sprintf("%d requests", len(requests)))
	})
})
