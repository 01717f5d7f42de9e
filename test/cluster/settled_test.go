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
	"github.com/appstack-dev/appstack/test/world"
)

// settledFor is how long a settled stack is observed.
func settledFor() time.Duration {
	GinkgoHelper()
	duration, err := time.ParseDuration(cmp.Or(os.Getenv("APPSTACK_SETTLED_DURATION"), "20s"))
	Expect(err).NotTo(HaveOccurred(), "APPSTACK_SETTLED_DURATION must be a duration, such as 10m")
	return duration
}

var _ = Describe("A settled stack", Serial, func() {
	It("costs no write and no read of the API, however often it is looked at", func(ctx SpecContext) {
		const leastPasses = 20
		w := newScene(ctx)
		stack := fixture.Stack(app, fixture.Component("worker", 2, nil, "work"))
		fixture.With(stack, withoutProbeDelay)
		withOperator(operator.Options{Resync: time.Second})
		start := world.MarkNow()
		w.Apply(stack)
		w.BecomesReady(ctx)
		Expect(start.Quiet(ctx, w.World)).To(ContainElements(
			HavePrefix("create /apis/apps/v1/namespaces/"+w.Namespace+"/deployments"),
			HavePrefix("patch /apis/apps.appstack.dev/v1alpha1/namespaces/"+w.Namespace+"/appstacks/my-app/status")),
			"the audit log must show the requests of a change")

		settled, passes, begun := world.MarkNow(), operator.Reconciled(), time.Now()
		Consistently(ctx, func() []string { return settled.Requests(w.World) }).
			WithTimeout(settledFor()).WithPolling(time.Second).Should(BeEmpty())
		Eventually(ctx, func() float64 { return operator.Reconciled() - passes }).Should(BeNumerically(">=", leastPasses))
		Expect(settled.Requests(w.World)).To(BeEmpty())
		AddReportEntry("a settled stack", fmt.Sprintf(
			"no read and no write in %s, in which it was looked at %.0f times and %d watches were opened again",
			time.Since(begun).Round(time.Second), operator.Reconciled()-passes, settled.Watches()))

		changed := world.MarkNow()
		w.Apply(fixture.With(stack, fixture.Replicas(4)))
		w.BecomesReady(ctx)
		requests := changed.Quiet(ctx, w.World)
		Expect(requests).NotTo(BeEmpty())
		AddReportEntry("one change of replicas", fmt.Sprintf("%d requests", len(requests)))
	})
})
