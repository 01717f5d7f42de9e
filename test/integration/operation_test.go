// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"slices"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("the number of pods", func() {
	It("R28 stays as it is when the spec stops naming it, and is others' from then on", func() {
		created(fixture.Replicas(3))
		seen := watchReplicas(app)
		stack := released(fixture.Unmanaged())
		Expect(*deployment(app).Spec.Replicas).To(Equal(int32(3)))
		Expect(stack.Status.ReadySummary).To(Equal("3/3"))

		edit(deployment(app), func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](7) })
		released(fixture.Image("my-app:2"))
		Expect(*deployment(app).Spec.Replicas).To(Equal(int32(7)))
		Eventually(seen).Should(Equal([]int32{3, 7}), "no other number of replicas was observed")
	})

	It("R28 stays as it is when an autoscaler takes over, and when it goes", func() {
		created(fixture.Replicas(3))
		seen := watchReplicas(app)
		released(autoscaled(v1alpha1.Autoscaling{MinReplicas: ptr.To[int32](2), MaxReplicas: 9}))
		edit(deployment(app), func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](6) })
		released(fixture.Image("my-app:2"))
		released(notAutoscaled())
		Eventually(gone(&autoscalingv2.HorizontalPodAutoscaler{}, app)).Should(BeTrue())
		Expect(*deployment(app).Spec.Replicas).To(Equal(int32(6)))
		Eventually(seen).Should(Equal([]int32{3, 6}))
	})

	It("R28 is put back where the spec names it", func() {
		created(fixture.Replicas(3))
		edit(deployment(app), func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](9) })
		Eventually(func() int32 { return *deployment(app).Spec.Replicas }).Should(Equal(int32(3)))
		stack := ready()
		Expect(stack.Status.History).To(HaveLen(1))
	})

	It("starts at the autoscaler's least, and at one where nobody says", func() {
		created(autoscaled(v1alpha1.Autoscaling{MinReplicas: ptr.To[int32](2), MaxReplicas: 9}),
			fixture.Component("worker", 0, func(c *v1alpha1.Component) { c.Replicas = nil }))
		Expect(*deployment(app).Spec.Replicas).To(Equal(int32(2)))
		Expect(*deployment(worker).Spec.Replicas).To(Equal(int32(1)))
	})

	It("makes no revision and no rollout, whatever it is", func() {
		created()
		for _, n := range []int32{1, 0, 4} {
			Expect(released(fixture.Replicas(n)).Status.History).To(HaveLen(1))
		}
		Expect(numbers()).To(Equal([]int64{1}))
	})
})

var _ = Describe("autoscaling", func() {
	It("makes a HorizontalPodAutoscaler on the Deployment, with 80 % CPU where the spec has no target", func() {
		created(autoscaled(v1alpha1.Autoscaling{MaxReplicas: 9}))
		spec := autoscaler(app).Spec
		Expect(spec.ScaleTargetRef).To(Equal(autoscalingv2.CrossVersionObjectReference{
			APIVersion: "apps/v1", Kind: "Deployment", Name: app,
		}))
		Expect(spec.MinReplicas).To(HaveValue(Equal(int32(1))))
		Expect(spec.MaxReplicas).To(Equal(int32(9)))
		Expect(targets(spec)).To(Equal(map[corev1.ResourceName]int32{corev1.ResourceCPU: 80}))
	})

	It("follows the spec's targets", func() {
		created(autoscaled(v1alpha1.Autoscaling{MaxReplicas: 9, TargetCPUUtilization: ptr.To[int32](60)}))
		change(autoscaled(v1alpha1.Autoscaling{
			MaxReplicas: 9, TargetCPUUtilization: ptr.To[int32](50), TargetMemoryUtilization: ptr.To[int32](70),
		}))
		Eventually(func() map[corev1.ResourceName]int32 { return targets(autoscaler(app).Spec) }).
			Should(Equal(map[corev1.ResourceName]int32{corev1.ResourceCPU: 50, corev1.ResourceMemory: 70}))
		change(autoscaled(v1alpha1.Autoscaling{MaxReplicas: 9, TargetMemoryUtilization: ptr.To[int32](70)}))
		Eventually(func() map[corev1.ResourceName]int32 { return targets(autoscaler(app).Spec) }).
			Should(Equal(map[corev1.ResourceName]int32{corev1.ResourceMemory: 70}))
	})
})

var _ = Describe("the disruption budget", func() {
	It("lets one pod be missing where there may be two or more", func() {
		created(fixture.Replicas(2))
		spec := budget(app).Spec
		Expect(spec.MaxUnavailable).To(HaveValue(Equal(intstr.FromInt32(1))))
		Expect(spec.MinAvailable).To(BeNil())
		Expect(spec.UnhealthyPodEvictionPolicy).To(HaveValue(Equal(policyv1.AlwaysAllow)))
	})

	DescribeTable("is there where it helps, and only there",
		func(by option, there bool) {
			created(by)
			Consistently(gone(&policyv1.PodDisruptionBudget{}, app)).Should(Equal(!there))
		},
		Entry("one pod", fixture.Replicas(1), false),
		Entry("no pod", fixture.Replicas(0), false),
		Entry("a number that others choose", fixture.Unmanaged(), true),
		Entry("a number that an autoscaler chooses", autoscaled(v1alpha1.Autoscaling{MaxReplicas: 9}), true),
		Entry("disabled", budgeted(v1alpha1.DisruptionBudget{Disabled: true}), false),
		Entry("one pod, and asked for", func(s *v1alpha1.AppStack) {
			fixture.Replicas(1)(s)
			budgeted(v1alpha1.DisruptionBudget{MinAvailable: ptr.To(intstr.FromInt32(1))})(s)
		}, true),
	)

	It("follows the spec from one kind to the other, and goes when disabled", func() {
		created()
		change(budgeted(v1alpha1.DisruptionBudget{MinAvailable: ptr.To(intstr.FromString("50%"))}))
		Eventually(func(g Gomega) {
			spec := budget(app).Spec
			g.Expect(spec.MinAvailable).To(HaveValue(Equal(intstr.FromString("50%"))))
			g.Expect(spec.MaxUnavailable).To(BeNil())
		}).Should(Succeed())
		change(budgeted(v1alpha1.DisruptionBudget{MaxUnavailable: ptr.To(intstr.FromInt32(2))}))
		Eventually(func(g Gomega) {
			spec := budget(app).Spec
			g.Expect(spec.MaxUnavailable).To(HaveValue(Equal(intstr.FromInt32(2))))
			g.Expect(spec.MinAvailable).To(BeNil())
		}).Should(Succeed())
		change(budgeted(v1alpha1.DisruptionBudget{Disabled: true}))
		Eventually(gone(&policyv1.PodDisruptionBudget{}, app)).Should(BeTrue())
	})
})

var _ = Describe("the rollout policy", func() {
	It("is the Deployment's, from one strategy to the other", func() {
		created(rolledOut(v1alpha1.RolloutPolicy{
			MaxSurge: ptr.To(intstr.FromInt32(2)), MaxUnavailable: ptr.To(intstr.FromString("10%")),
			ProgressDeadlineSeconds: ptr.To[int32](120),
		}))
		spec := deployment(app).Spec
		Expect(spec.Strategy.RollingUpdate.MaxSurge).To(HaveValue(Equal(intstr.FromInt32(2))))
		Expect(spec.Strategy.RollingUpdate.MaxUnavailable).To(HaveValue(Equal(intstr.FromString("10%"))))
		Expect(spec.ProgressDeadlineSeconds).To(HaveValue(Equal(int32(120))))

		released(rolledOut(v1alpha1.RolloutPolicy{Strategy: v1alpha1.RolloutStrategyRecreate}))
		Expect(deployment(app).Spec.Strategy).To(Equal(appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}))
		released(func(s *v1alpha1.AppStack) { s.Spec.Rollout = nil })
		Expect(deployment(app).Spec.Strategy.Type).To(Equal(appsv1.RollingUpdateDeploymentStrategyType))
		Expect(numbers()).To(Equal([]int64{1}))
	})
})

func targets(spec autoscalingv2.HorizontalPodAutoscalerSpec) map[corev1.ResourceName]int32 {
	all := map[corev1.ResourceName]int32{}
	for _, metric := range spec.Metrics {
		all[metric.Resource.Name] = *metric.Resource.Target.AverageUtilization
	}
	return all
}

// watchReplicas watches a Deployment; the returned function returns the successive
// values of spec.replicas so far.
func watchReplicas(name string) func() []int32 {
	GinkgoHelper()
	live := deployment(name)
	watcher, err := k8s.Watch(ctx, &appsv1.DeploymentList{}, client.InNamespace(namespace), client.MatchingFields{"metadata.name": name})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(watcher.Stop)
	var mu sync.Mutex
	seen := []int32{*live.Spec.Replicas}
	go func() {
		for event := range watcher.ResultChan() {
			if changed, ok := event.Object.(*appsv1.Deployment); ok {
				mu.Lock()
				seen = append(seen, *changed.Spec.Replicas)
				mu.Unlock()
			}
		}
	}()
	return func() []int32 {
		mu.Lock()
		defer mu.Unlock()
		return slices.Compact(slices.Clone(seen))
	}
}
