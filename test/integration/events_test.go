// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("events", func() {
	It("R30 tell of every rollout, those soon after another too", func() {
		stack := created()
		expectEvent(stack, corev1.EventTypeNormal, v1alpha1.EventRolloutStarted, "revision 1: the stack was created")
		expectEvent(stack, corev1.EventTypeNormal, v1alpha1.EventRolloutSucceeded, "revision 1 runs")
		released(fixture.Image("my-app:2"))
		expectEvent(stack, corev1.EventTypeNormal, v1alpha1.EventRolloutStarted, "revision 2: the spec's content changed")
		expectEvent(stack, corev1.EventTypeNormal, v1alpha1.EventRolloutSucceeded, "revision 2 runs")
	})

	It("R30 tell of every problem, one soon after another too", func() {
		stack := created()
		for _, field := range []string{"first", "second"} {
			change(fixture.PodTemplate(`{"spec":{"` + field + `":1}}`))
			stalled(v1alpha1.ReasonInvalidPodTemplate, field)
			expectEvent(stack, corev1.EventTypeWarning, v1alpha1.ReasonInvalidPodTemplate, field)
		}
	})

	It("R30 tell of every object that is removed", func() {
		stack := created(fixture.Component("worker", 2, nil, "work"))
		released(fixture.WithoutComponents())
		for _, kind := range []string{"Deployment", "PodDisruptionBudget"} {
			expectEvent(stack, corev1.EventTypeNormal, v1alpha1.EventRemoved, kind+" my-app-worker")
		}
	})

	It("tell nothing where nothing happened", func() {
		stack := created()
		Eventually(func(g Gomega) { g.Expect(len(eventsOf(g, stack))).To(BeNumerically(">=", 2)) }).Should(Succeed())
		before := eventsOf(Default, stack)
		touch()
		ready()
		Consistently(func() []eventsv1.Event { return eventsOf(Default, stack) }).Should(Equal(before))
	})
})

// expectEvent waits for an event about the stack (events.k8s.io).
func expectEvent(stack *v1alpha1.AppStack, eventType, reason, note string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		var found []string
		for _, event := range eventsOf(g, stack) {
			if event.Type == eventType && event.Reason == reason {
				found = append(found, event.Note)
			}
		}
		g.Expect(found).To(ContainElement(ContainSubstring(note)), "%s event %s", eventType, reason)
	}).Should(Succeed())
}

func eventsOf(g Gomega, stack *v1alpha1.AppStack) []eventsv1.Event {
	var list, about eventsv1.EventList
	g.Expect(k8s.List(ctx, &list, client.InNamespace(stack.Namespace))).To(Succeed())
	for _, event := range list.Items {
		if event.Regarding.UID == stack.UID {
			about.Items = append(about.Items, event)
		}
	}
	return about.Items
}
