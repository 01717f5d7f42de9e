// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// example is the smallest useful stack, as in the documentation.
const example = `apiVersion: apps.appstack.dev/v1alpha1
kind: AppStack
metadata:
  name: my-app
spec:
  image: my-app:1.4.2
  replicas: 3
  ports:
  - containerPort: 80
`

var _ = Describe("The first example", func() {
	It("becomes a Deployment with three ready pods and a Service with three endpoints (R1, R24)", func(ctx SpecContext) {
		w := newScene(ctx)
		w.KubectlApply(example)
		w.Kubectl("wait", "--for=condition=Ready", "aps/my-app", "--timeout=30s")

		Expect(w.Deployment(ctx, app).Status.ReadyReplicas).To(BeEquivalentTo(3))
		Expect(w.ReadyPods(ctx)).To(HaveLen(3))
		for _, pod := range w.ReadyPods(ctx) {
			Expect(pod.Spec.Containers).To(ConsistOf(HaveField("Image", "my-app:1.4.2")))
		}
		Expect(w.Service(ctx, app).Spec.Ports).To(ConsistOf(HaveField("Port", BeEquivalentTo(80))))
		Eventually(ctx, func() map[int32]int { return w.Endpoints(ctx, app) }).Should(Equal(map[int32]int{80: 3}))
		Expect(w.Revisions(ctx)).To(ConsistOf("my-app-1"))
	})

	It("takes about the time that its Deployment alone would take", Serial, func(ctx SpecContext) {
		const rounds = 5
		var stacks, bare []time.Duration
		for range rounds {
			w := newScene(ctx)
			stacks = append(stacks, timed(func() { w.KubectlApply(example) }, func() bool {
				stack, err := w.Stack(ctx)
				return err == nil && meta.IsStatusConditionTrue(stack.Status.Conditions, v1alpha1.ConditionReady)
			}))

			text := bareCopy(w.Deployment(ctx, app))
			w = newScene(ctx)
			bare = append(bare, timed(func() { w.KubectlApply(text) }, func() bool {
				status := w.Deployment(ctx, "bare").Status
				return status.ObservedGeneration > 0 && status.AvailableReplicas == 3
			}))
		}
		slices.Sort(stacks)
		slices.Sort(bare)
		AddReportEntry("from kubectl apply to Ready, median of 5", stacks[rounds/2].String())
		AddReportEntry("a bare Deployment of the same pods, median of 5", bare[rounds/2].String())
		AddReportEntry("all of them", fmt.Sprint(stacks, bare))
	})
})

// timed returns the time from the start of the action until done returns true.
func timed(act func(), done func() bool) time.Duration {
	GinkgoHelper()
	start := time.Now()
	act()
	Eventually(done).WithPolling(5 * time.Millisecond).Should(BeTrue())
	return time.Since(start)
}

// bareCopy returns the manifest of a Deployment with the same pods that belongs to no stack.
func bareCopy(deployment *appsv1.Deployment) string {
	GinkgoHelper()
	labels := map[string]string{"app": "bare"}
	bare := &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Name: "bare"},
		Spec:       *deployment.Spec.DeepCopy(),
	}
	bare.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	bare.Spec.Template.Labels = labels
	for i := range bare.Spec.Template.Spec.TopologySpreadConstraints {
		bare.Spec.Template.Spec.TopologySpreadConstraints[i].LabelSelector.MatchLabels = labels
	}
	text, err := yaml.Marshal(bare)
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}
