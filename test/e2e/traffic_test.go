// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

// perSecond is the rate of the load in specs that must lose no request.
const perSecond = 220

var _ = Describe("a steady load", func() {
	It("loses no request in ten updates and five rollbacks (R24)", gate, func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		w.apply(oneLine("v1", replicas(3), overHTTP))
		w.becomesReady(ctx)
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v1"))
		stop := startLoad(ctx, w.url(app), perSecond)

		for i := range 10 {
			By(fmt.Sprintf("update %d", i+1))
			w.apply(oneLine(fmt.Sprintf("v%d", 1+(i+1)%4), replicas(3), overHTTP, func(s *v1alpha1.AppStack) {
				s.Spec.Env = []corev1.EnvVar{{Name: "UPDATE", Value: fmt.Sprint(i + 1)}}
			}))
			Expect(history(w.becomesReady(ctx))[0]).To(Equal(fmt.Sprintf("%d SpecChanged Succeeded", i+2)))
		}
		for _, revision := range []int{10, 7, 9, 8, 6} {
			By(fmt.Sprintf("rolling back to revision %d", revision))
			w.patch(`{"spec":{"rollback":{"toRevision":%d}}}`, revision)
			Expect(history(w.becomesReady(ctx))[0]).To(Equal(fmt.Sprintf("%d Rollback Succeeded", revision)))
		}
		w.settled(ctx) // the last replaced pods are gone

		result := stop(ctx)
		result.losesNothing("ten updates and five rollbacks", 200)
		Expect(result.NewConnections.Answers).To(And(HaveKey("v1"), HaveKey("v2"), HaveKey("v3"), HaveKey("v4")))
	}, SpecTimeout(longSpec))

	It("loses no request while an existing Deployment and Service are adopted (R26)", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		labels := map[string]string{"app": "legacy"}
		w.apply(
			&appsv1.Deployment{
				ObjectMeta: metav1.ObjectMeta{Name: app},
				Spec: appsv1.DeploymentSpec{
					Replicas: ptr.To[int32](3),
					Selector: &metav1.LabelSelector{MatchLabels: labels},
					Template: corev1.PodTemplateSpec{
						ObjectMeta: metav1.ObjectMeta{Labels: labels},
						Spec: corev1.PodSpec{Containers: []corev1.Container{{
							Name: "legacy", Image: images + "v1",
							Ports:          []corev1.ContainerPort{{ContainerPort: 8080}},
							ReadinessProbe: probeOverHTTP(),
							// without this the old pods would lose requests regardless of how they are replaced
							Lifecycle: &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 5}}},
						}}},
					},
				},
			},
			&corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Name: app},
				Spec: corev1.ServiceSpec{
					Selector: labels,
					Ports:    []corev1.ServicePort{{Name: "web", Port: 8080, TargetPort: intstr.FromInt32(8080)}},
				},
			})
		w.kubectl("rollout", "status", "deployment/"+app)
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v1"))
		before, err := get[corev1.Service](ctx, w.namespace, app)
		Expect(err).NotTo(HaveOccurred())
		stop := startLoad(ctx, w.url(app), perSecond)

		w.apply(oneLine("v2", replicas(3), overHTTP, func(s *v1alpha1.AppStack) {
			s.Annotations = map[string]string{v1alpha1.AnnotationAdopt: "true"}
			s.Spec.Ports = []v1alpha1.Port{{Name: "web", ContainerPort: 8080}}
		}))
		stack := w.becomesReady(ctx)
		w.settled(ctx)
		stop(ctx).losesNothing("a Deployment and a Service adopted", 200)

		service, err := get[corev1.Service](ctx, w.namespace, app)
		Expect(err).NotTo(HaveOccurred())
		Expect(service.UID).To(Equal(before.UID), "the Service must be the same")
		Expect(service.Spec.ClusterIP).To(Equal(before.Spec.ClusterIP))
		Expect(metav1.IsControlledBy(service, stack)).To(BeTrue())
		Expect(w.pods(ctx, naming.Main)).To(HaveLen(3))
		Expect(fetch(ctx, w.url(app), "").Body).To(HavePrefix("v2"))
	}, SpecTimeout(longSpec))

	It("loses no request while a node is drained in the middle of a rollout", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		w.apply(oneLine("v1", replicas(4), overHTTP))
		w.becomesReady(ctx)
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v1"))
		stop := startLoad(ctx, w.url(app), perSecond)

		node := w.pods(ctx, naming.Main)[0].Spec.NodeName
		DeferCleanup(func() { w.kubectl("uncordon", node) })
		w.patch(`{"spec":{"image":"%sv2"}}`, images)
		Eventually(ctx, func() bool { return w.hasBegunTo(ctx, "v2") }).Should(BeTrue())
		w.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=3m")
		Expect(history(w.becomesReady(ctx))[0]).To(Equal("2 SpecChanged Succeeded"))
		for _, pod := range w.pods(ctx, naming.Main) {
			Expect(pod.Spec.NodeName).NotTo(Equal(node))
		}
		w.kubectl("uncordon", node)
		w.settled(ctx)
		stop(ctx).losesNothing("a node drained in the middle of a rollout", 200)
		operatorRuns(ctx)
	}, SpecTimeout(longSpec))
})

// overHTTP sets a readiness probe that uses less CPU than the image's own, which
// starts a process each time.
func overHTTP(s *v1alpha1.AppStack) {
	s.Spec.ReadinessProbe = probeOverHTTP()
}

func probeOverHTTP() *corev1.Probe {
	return &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
		HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}}}
}
