// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"context"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

var _ = Describe("A rollout", func() {
	It("that another one overtakes is superseded, and three pods serve throughout (R5, R24)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app)
		w.Apply(stack)
		w.BecomesReady(ctx)
		lowest := w.watchReady(ctx, 3)

		w.Apply(fixture.With(stack, fixture.Image("my-app:unready")))
		w.Becomes(ctx, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonProgressing)
		Eventually(ctx, func() []corev1.Pod { return w.Pods(ctx) }).Should(HaveLen(4))
		Consistently(ctx, func() []corev1.Pod { return w.ReadyPods(ctx) }).Should(HaveLen(3))
		Eventually(ctx, w.Stack).Should(And(
			WithTransform(world.History, HaveExactElements("2 SpecChanged Progressing", "1 SpecChanged Succeeded")),
			HaveField("Status.LastGoodRevision", BeEquivalentTo(1))))

		w.Apply(fixture.With(stack, fixture.Image("my-app:3")))
		after := w.BecomesReady(ctx)
		Expect(world.History(after)).To(Equal([]string{
			"3 SpecChanged Succeeded", "2 SpecChanged Superseded", "1 SpecChanged Succeeded",
		}))
		Expect(after.Status.LastGoodRevision).To(BeEquivalentTo(3))
		Eventually(ctx, func() []corev1.Pod { return w.Pods(ctx) }).Should(
			And(HaveLen(3), HaveEach(HaveField("Spec.Containers", ConsistOf(HaveField("Image", "my-app:3"))))))
		Expect(lowest()).To(Equal(3))
	})

	It("that is taken back while it is under way is superseded too, and reuses the ReplicaSet (R5, R7)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app)
		w.Apply(stack)
		w.BecomesReady(ctx)
		pods := world.UIDs(w.Pods(ctx))
		lowest := w.watchReady(ctx, 3)

		w.Apply(fixture.With(stack, fixture.Image("my-app:unready")))
		Eventually(ctx, func() []corev1.Pod { return w.Pods(ctx) }).Should(HaveLen(4))
		w.Apply(fixture.With(stack, fixture.Image("my-app:1")))
		after := w.BecomesReady(ctx)
		Expect(world.History(after)).To(Equal([]string{
			"1 SpecChanged Succeeded", "2 SpecChanged Superseded", "1 SpecChanged Succeeded",
		}))
		Eventually(ctx, func() []types.UID { return world.UIDs(w.Pods(ctx)) }).Should(ConsistOf(pods))
		Expect(lowest()).To(Equal(3))
	})
})

// watchReady watches the pods, of which at least atLeast must be ready. The returned
// function ends the watch and returns the lowest number of ready pods.
func (w scene) watchReady(ctx context.Context, atLeast int) (lowest func() int) {
	GinkgoHelper()
	pods := world.List[corev1.PodList](ctx, w.Namespace)
	ready := map[types.UID]bool{}
	for _, pod := range pods.Items {
		if world.IsReady(pod) {
			ready[pod.UID] = true
		}
	}
	Expect(len(ready)).To(BeNumerically(">=", atLeast))
	// from the version of the list on, so that no change is missed
	events, err := world.Kube.Watch(ctx, &corev1.PodList{}, client.InNamespace(w.Namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: pods.ResourceVersion}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(events.Stop)

	var least, current atomic.Int64
	least.Store(int64(len(ready)))
	current.Store(int64(len(ready)))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for event := range events.ResultChan() {
			pod, ok := event.Object.(*corev1.Pod)
			if !ok {
				return // the watch broke off, which the check below reports
			}
			delete(ready, pod.UID)
			if event.Type != watch.Deleted && world.IsReady(*pod) {
				ready[pod.UID] = true
			}
			current.Store(int64(len(ready)))
			least.Store(min(least.Load(), current.Load()))
		}
	}()
	return func() int {
		GinkgoHelper()
		Eventually(ctx, current.Load).Should(BeEquivalentTo(len(w.ReadyPods(ctx))))
		Expect(ended).NotTo(BeClosed(), "the watch broke off")
		events.Stop()
		return int(least.Load())
	}
}
