// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

var _ = Describe("A quota without a pod to spare", func() {
	const (
		// keeps is a finalizer that delays the termination of a simulated pod.
		keeps = "test.appstack.dev/keeps"
		// lingers is the delay: more than the 30 seconds for which pods may be rejected.
		lingers = 40 * time.Second
	)

	It("does not fail a release whose old pod takes its time to end (R17)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app, fixture.Replicas(1), fixture.Rollout(v1alpha1.RolloutPolicy{
			MaxSurge: ptr.To(intstr.FromInt32(0)), MaxUnavailable: ptr.To(intstr.FromInt32(1)),
		}))
		w.Apply(stack)
		w.BecomesReady(ctx)
		w.allowPods(ctx, 1)
		old := w.Pods(ctx)[0]
		w.keep(ctx, old, keeps)

		w.Apply(fixture.With(stack, fixture.Image("my-app:2")))
		w.Becomes(ctx, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonProgressing)
		Eventually(ctx, func(g Gomega) {
			deployment := w.Deployment(ctx, app)
			g.Expect(deployment.Status.Conditions).To(ContainElement(
				And(HaveField("Type", BeEquivalentTo("ReplicaFailure")), HaveField("Message", ContainSubstring("exceeded quota")))))
		}).Should(Succeed())
		failure := func() *v1alpha1.FailureStatus {
			stack, err := w.Stack(ctx)
			Expect(err).NotTo(HaveOccurred())
			return stack.Status.Failure
		}
		Consistently(ctx, failure).WithTimeout(lingers).Should(BeNil())

		By("removing the old pod, which the ReplicaSet controller notices with its next retry")
		w.letGo(ctx, old, keeps)
		Eventually(ctx, func() []string {
			stack, err := w.Stack(ctx)
			Expect(err).NotTo(HaveOccurred())
			return world.History(stack)
		}).WithTimeout(2 * lingers).Should(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
	}, SpecTimeout(4*time.Minute))

	It("fails one that wants a pod more, and says what to change (R17, R18)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app, fixture.Replicas(1))
		w.Apply(stack)
		w.BecomesReady(ctx)
		w.allowPods(ctx, 1)

		w.Apply(fixture.With(stack, fixture.Image("my-app:2")))
		const remedy = "rollout.maxSurge: 0 and rollout.maxUnavailable: 1"
		Expect(w.Stalls(ctx, v1alpha1.ReasonRolledBack)).To(ContainSubstring(remedy))
		failed := w.rolledBack(ctx)
		Expect(failed.Status.Failure.Message).To(And(ContainSubstring("exceeded quota"), ContainSubstring(remedy)))

		By("applying the suggested change and retrying")
		policy := v1alpha1.RolloutPolicy{MaxSurge: ptr.To(intstr.FromInt32(0)), MaxUnavailable: ptr.To(intstr.FromInt32(1))}
		w.Apply(fixture.With(stack, fixture.Rollout(policy), fixture.RestartedAt(time.Now())))
		w.BecomesReady(ctx)
	}, SpecTimeout(4*time.Minute))
})

// allowPods creates a quota that limits the number of pods.
func (w scene) allowPods(ctx context.Context, pods int64) {
	GinkgoHelper()
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "pods"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: *resource.NewQuantity(pods, resource.DecimalSI)}},
	}
	Expect(world.Kube.Create(ctx, quota)).To(Succeed())
	Eventually(ctx, func() (corev1.ResourceList, error) {
		quota, err := world.Get[corev1.ResourceQuota](ctx, w.Namespace, "pods")
		return quota.Status.Used, err
	}).ShouldNot(BeEmpty(), "the quota is not in force")
}

// keep delays the termination of the pod until letGo or the end of the spec.
func (w scene) keep(ctx context.Context, pod corev1.Pod, finalizer string) {
	GinkgoHelper()
	DeferCleanup(func(ctx SpecContext) { w.letGo(ctx, pod, finalizer) })
	kept := pod.DeepCopy()
	controllerutil.AddFinalizer(kept, finalizer)
	Expect(world.Kube.Patch(ctx, kept, client.MergeFrom(&pod))).To(Succeed())
}

// letGo lets the pod terminate.
func (w scene) letGo(ctx context.Context, pod corev1.Pod, finalizer string) {
	GinkgoHelper()
	kept, err := world.Get[corev1.Pod](ctx, w.Namespace, pod.Name)
	if client.IgnoreNotFound(err) == nil && err != nil {
		return
	}
	Expect(err).NotTo(HaveOccurred())
	before := kept.DeepCopy()
	controllerutil.RemoveFinalizer(kept, finalizer)
	Expect(client.IgnoreNotFound(world.Kube.Patch(ctx, kept, client.MergeFrom(before)))).To(Succeed())
}
