// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

var _ = Describe("an exhausted quota", func() {
	It("does not fail a good release whose old pods terminate more slowly than pods may be rejected (R17)", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		w.apply(oneLine("v1", replicas(3), oldPodsFirst, slowEnd))
		w.becomesReady(ctx)
		quota := &corev1.ResourceQuota{
			ObjectMeta: metav1.ObjectMeta{Name: "pods"},
			Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("3")}},
		}
		w.apply(quota)
		Eventually(ctx, func(g Gomega) {
			quota, err := get[corev1.ResourceQuota](ctx, w.namespace, "pods")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(quota.Status.Used.Pods().Value()).To(BeEquivalentTo(3), "the quota must be in force")
		}).Should(Succeed())

		stop := startLoad(ctx, w.url(app), perSecond)
		w.patch(`{"spec":{"image":"%sv2"}}`, images)
		// three pods one after the other, each rejected until the one before it has terminated, and then for as long
		// again until the ReplicaSet controller retries
		Eventually(ctx, func() []string { return history(w.stack(ctx)) }).WithTimeout(8 * time.Minute).
			Should(Or(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}), HaveLen(3)))
		Expect(history(w.becomesReady(ctx))).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		Expect(w.pods(ctx, naming.Main)).To(HaveLen(3))
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v2"))
		stop(ctx).losesNothing("an exhausted quota", 200)
	}, SpecTimeout(longSpec))
})

// oldPodsFirst deletes an old pod before it creates a new one.
func oldPodsFirst(s *v1alpha1.AppStack) {
	s.Spec.Rollout = &v1alpha1.RolloutPolicy{MaxSurge: ptr.To(intstr.FromInt32(0)), MaxUnavailable: ptr.To(intstr.FromInt32(1))}
}

// slowEnd makes pods terminate 40 seconds after their deletion.
func slowEnd(s *v1alpha1.AppStack) {
	s.Spec.PodTemplate = &runtime.RawExtension{Raw: []byte(`{"spec":{"terminationGracePeriodSeconds":70,"containers":[
		{"name":"app","lifecycle":{"preStop":{"sleep":{"seconds":40}}}}]}}`)}
}
