// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"fmt"
	"slices"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("the status", func() {
	// shows waits until the stack has exactly these conditions, as "type=status reason".
	shows := func(expected ...string) *v1alpha1.AppStack {
		GinkgoHelper()
		var stack *v1alpha1.AppStack
		Eventually(func(g Gomega) {
			stack = observed(g)
			g.Expect(conditions(stack)).To(ConsistOf(expected))
		}).Should(Succeed())
		for _, c := range stack.Status.Conditions {
			Expect(c.ObservedGeneration).To(Equal(stack.Generation), c.Type)
			Expect(c.Message).NotTo(BeEmpty(), c.Type)
		}
		return stack
	}

	It("R19 follows kstatus through a stack's life", func() {
		create()
		moved(1)
		By("creating pods")
		stack := shows("Ready=False Progressing", "Available=False PodsUnavailable", "Reconciling=True Progressing")
		Expect(stack.Status.ReadySummary).To(Equal("0/3"))
		report(app, pods{total: 3, updated: 3, ready: 1, available: 1})
		shows("Ready=False Progressing", "Available=True PodsAvailable", "Reconciling=True Progressing")
		Eventually(func() string { return current().Status.ReadySummary }).Should(Equal("1/3"))

		By("having all pods")
		report(app, all(3))
		stack = shows("Ready=True Succeeded", "Available=True PodsAvailable")
		since := condition(stack, v1alpha1.ConditionAvailable).LastTransitionTime

		By("scaling")
		change(fixture.Replicas(4))
		shows("Ready=False Scaling", "Available=True PodsAvailable", "Reconciling=True Scaling")
		ready()
		shows("Ready=True Succeeded", "Available=True PodsAvailable")

		By("losing a pod, and then all pods")
		report(app, pods{total: 4, updated: 4, ready: 3, available: 3})
		shows("Ready=False Unavailable", "Available=True PodsAvailable")
		report(app, pods{total: 4, updated: 4})
		shows("Ready=False Unavailable", "Available=False PodsUnavailable")
		report(app, all(4))
		shows("Ready=True Succeeded", "Available=True PodsAvailable")

		By("getting an invalid podTemplate")
		change(fixture.PodTemplate(`{"spec":{"x":1}}`))
		shows("Ready=False InvalidPodTemplate", "Available=True PodsAvailable", "Stalled=True InvalidPodTemplate")
		change(func(s *v1alpha1.AppStack) { s.Spec.PodTemplate = nil })
		stack = shows("Ready=True Succeeded", "Available=True PodsAvailable")
		Expect(condition(stack, v1alpha1.ConditionAvailable).LastTransitionTime.Time).NotTo(BeTemporally("<", since.Time))
	})

	It("R19 does not flap", func() {
		seen := watchStack()
		created(fixture.Component("worker", 1, nil, "work"))
		released(fixture.Image("my-app:2"))
		Eventually(seen(v1alpha1.ConditionReady)).Should(Equal([]string{
			"False Progressing", "True Succeeded", "False Progressing", "True Succeeded",
		}))
		Expect(seen(v1alpha1.ConditionAvailable)()).To(Or(
			Equal([]string{"False PodsUnavailable", "True PodsAvailable"}),
			Equal([]string{"False NotStarted", "False PodsUnavailable", "True PodsAvailable"}), // the cache lagged behind
		))
		Expect(seen(v1alpha1.ConditionReconciling)()).To(Equal([]string{
			"True Progressing", "", "True Progressing", "",
		}))
		Expect(seen(v1alpha1.ConditionStalled)()).To(Equal([]string{""}))
	})

	It("R19 comes to rest at the truth, however quickly things come and go", func() {
		created()
		for range 10 {
			edit(deployment(app), func(d *appsv1.Deployment) { delete(d.Labels, naming.LabelStack) })
			Eventually(func() map[string]string { return deployment(app).Labels }).Should(HaveKey(naming.LabelStack))
			ready()
		}
	})

	It("R19 is written only when it differs", func() {
		stack := created()
		for range 3 {
			edit(service(app), func(s *corev1.Service) { s.Annotations["example.com/a"] += "b" })
		}
		Consistently(func() string { return current().ResourceVersion }).Should(Equal(stack.ResourceVersion))
	})

	It("shows every component, and sums them up", func() {
		stack := created(fixture.Component("worker", 2, func(c *v1alpha1.Component) {
			c.Image = "worker:1"
			c.Ports = []v1alpha1.Port{{ContainerPort: 90}}
		}))
		Expect(stack.Status.ReadySummary).To(Equal("5/5"))
		Expect(stack.Status.Replicas).To(HaveValue(Equal(int32(3))), "the replicas of the main component, for autoscalers")
		Expect(stack.Status.Components).To(HaveLen(2))
		Expect(stack.Status.Components[1]).To(And(
			HaveField("Name", "worker"),
			HaveField("Image", "worker:1"),
			HaveField("DesiredReplicas", HaveValue(Equal(int32(2)))),
			HaveField("AvailableReplicas", HaveValue(Equal(int32(2)))),
			HaveField("Address", "my-app-worker."+namespace+".svc:90"),
		))
	})
})

// conditions returns the stack's conditions, as "type=status reason", sorted.
func conditions(stack *v1alpha1.AppStack) []string {
	var all []string
	for _, c := range stack.Status.Conditions {
		all = append(all, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	slices.Sort(all)
	return all
}

// watchStack watches the namespace's stack. The returned function returns the
// successive states of a condition, as "status reason", or empty while it is absent.
func watchStack() func(conditionType string) func() []string {
	GinkgoHelper()
	watcher, err := k8s.Watch(ctx, &v1alpha1.AppStackList{}, client.InNamespace(namespace))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(watcher.Stop)
	var (
		mu   sync.Mutex
		seen []*v1alpha1.AppStack
	)
	go func() {
		for event := range watcher.ResultChan() {
			if stack, ok := event.Object.(*v1alpha1.AppStack); ok && len(stack.Status.Conditions) > 0 {
				mu.Lock()
				seen = append(seen, stack)
				mu.Unlock()
			}
		}
	}()
	return func(conditionType string) func() []string {
		return func() []string {
			mu.Lock()
			defer mu.Unlock()
			var told []string
			for _, stack := range seen {
				if c := condition(stack, conditionType); c != nil {
					told = append(told, fmt.Sprintf("%s %s", c.Status, c.Reason))
				} else {
					told = append(told, "")
				}
			}
			return slices.Compact(told)
		}
	}
}
