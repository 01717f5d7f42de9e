// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"fmt"
	"net/http"
	"slices"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
)

// refusedContent is content that the API server rejects in a dry run.
func refusedContent() option { return fixture.Env("a=b", "c") }

var _ = Describe("a release that is refused", Serial, func() {
	// counted runs an operator and counts its dry runs.
	counted := func() *dryRuns {
		GinkgoHelper()
		counted := &dryRuns{}
		observedConfig := rest.CopyConfig(config)
		observedConfig.Wrap(counted.transport)
		instead(observedConfig, operator.Options{})
		return counted
	}
	// nudge triggers reconciles by something unrelated: it changes the pod counts of the
	// Deployment's status.
	nudge := func(times int) {
		GinkgoHelper()
		reconciled := operator.Reconciled()
		for i := range times {
			report(app, all(int32(2+i%2)))
			Eventually(operator.Reconciled).Should(BeNumerically(">", reconciled))
			reconciled = operator.Reconciled()
		}
	}

	It("R4 is not tried again because something unrelated happens", func() {
		counted := counted()
		created()
		change(refusedContent())
		stalled(v1alpha1.ReasonRejected)
		counted.since()
		nudge(10)
		Expect(counted.since()).To(BeZero(), "dry runs of content that was just rejected")

		By("retrying when the stack is touched")
		touch()
		Eventually(counted.since).ShouldNot(BeZero())
		By("releasing the fixed spec at once")
		stack := released(func(s *v1alpha1.AppStack) { s.Spec = fixture.Stack(app, fixture.Image("my-app:2")).Spec })
		Expect(stack.Status.Revision).To(Equal(int64(2)))
	})

	It("R4 is tried by an operator that has just started", func() {
		created()
		change(refusedContent())
		stalled(v1alpha1.ReasonRejected)
		Eventually(counted().since).ShouldNot(BeZero())
		stalled(v1alpha1.ReasonRejected)
	})

	It("R19 has one event, and stays in the conditions while the stack is scaled again and again", func() {
		stack := created()
		change(refusedContent())
		stalled(v1alpha1.ReasonRejected)
		conditions := followConditions()
		const last = 60
		for i := range int32(last) { // faster than the operator's cache updates
			change(fixture.Replicas(i + 1))
			report(app, all(i+1))
		}
		Eventually(func(g Gomega) {
			g.Expect(*find(g, &appsv1.Deployment{}, app).Spec.Replicas).To(Equal(int32(last)))
			observed(g)
		}).Should(Succeed())
		Expect(conditions.states()).To(ConsistOf("Ready=False Rejected, Available=True PodsAvailable, Stalled=True Rejected"))
		var events int32
		for _, event := range eventsOf(Default, stack) {
			if event.Reason == v1alpha1.ReasonRejected {
				events++
				if event.Series != nil {
					events += event.Series.Count
				}
			}
		}
		Expect(events).To(Equal(int32(1)), "events of the rejection")
	})
})

// dryRuns counts dry run requests.
type dryRuns struct {
	mu    sync.Mutex
	count int
}

func (d *dryRuns) transport(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		if request.URL.Query().Has("dryRun") {
			d.mu.Lock()
			d.count++
			d.mu.Unlock()
		}
		return next.RoundTrip(request)
	})
}

// since returns the number of dry runs since its last call.
func (d *dryRuns) since() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	count := d.count
	d.count = 0
	return count
}

// followed collects the conditions of a stack.
type followed struct {
	mu   sync.Mutex
	seen []string
}

// followConditions watches the conditions of the stack until the spec ends.
func followConditions() *followed {
	GinkgoHelper()
	watcher, err := k8s.Watch(ctx, &v1alpha1.AppStackList{}, client.InNamespace(namespace),
		client.MatchingFields{metav1.ObjectNameField: app})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(watcher.Stop)
	f := &followed{}
	go func() {
		for event := range watcher.ResultChan() {
			if stack, ok := event.Object.(*v1alpha1.AppStack); ok && event.Type != watch.Deleted {
				f.see(stack.Status.Conditions)
			}
		}
	}()
	return f
}

func (f *followed) see(conditions []metav1.Condition) {
	state := ""
	for i, condition := range conditions {
		if i > 0 {
			state += ", "
		}
		state += fmt.Sprintf("%s=%s %s", condition.Type, condition.Status, condition.Reason)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.seen, state) {
		f.seen = append(f.seen, state)
	}
}

// states returns the distinct conditions that were observed.
func (f *followed) states() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}
