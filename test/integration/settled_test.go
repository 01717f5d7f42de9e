// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
)

var _ = Describe("a settled stack", func() {
	DescribeTable("costs no write and no read of the API, however often it is looked at",
		func(settle func()) {
			counted := &requests{}
			observedConfig := rest.CopyConfig(config)
			observedConfig.Wrap(counted.transport)
			instead(observedConfig, operator.Options{Resync: time.Second})
			settle()

			By("settling")
			Eventually(counted.since).WithPolling(1500 * time.Millisecond).Should(BeEmpty())
			looks := operator.Reconciled()
			By("being reconciled by several resyncs")
			Eventually(func() float64 { return operator.Reconciled() - looks }).Should(BeNumerically(">=", 12))
			Expect(counted.since()).To(BeEmpty())
			Expect(counted.total()).NotTo(BeZero(), "no request was counted")
		},
		Entry("of every kind of child", func() {
			created(autoscaled(v1alpha1.Autoscaling{MaxReplicas: 3}), fixture.Component("worker", 2, nil, "work"))
			released(fixture.Image("my-app:2"))
		}),
		Entry("that a rollback holds", func() {
			created()
			released(fixture.Image("my-app:2"))
			released(fixture.RollbackTo(1, 2))
		}),
		Entry("that was adopted, with the annotation still there", func() {
			Expect(k8s.Create(ctx, legacyDeployment(app))).To(Succeed())
			Expect(k8s.Create(ctx, legacyService(app))).To(Succeed())
			created(adopting())
		}),
		Entry("that is stalled by a podTemplate", func() {
			created()
			change(fixture.PodTemplate(`{"spec":{"x":1}}`))
			stalled(v1alpha1.ReasonInvalidPodTemplate)
		}),
	)
})

// requests records the requests to the API server, except watches and leases.
type requests struct {
	mu    sync.Mutex
	noted []string
	all   int
}

func (r *requests) transport(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		watch := request.URL.Query().Has("watch")
		if !watch && !strings.Contains(request.URL.Path, "/leases") {
			r.mu.Lock()
			r.noted = append(r.noted, fmt.Sprintf("%s %s", request.Method, request.URL.Path))
			r.all++
			r.mu.Unlock()
		}
		return next.RoundTrip(request)
	})
}

// since returns the requests since its last call.
func (r *requests) since() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	noted := slices.Clone(r.noted)
	r.noted = nil
	return noted
}

func (r *requests) total() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }
