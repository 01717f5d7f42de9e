// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

// portList sets the ports.
func portList(ports ...v1alpha1.Port) func(*v1alpha1.AppStack) {
	return func(s *v1alpha1.AppStack) { s.Spec.Ports = ports }
}

// listens sets a port of the container behind port 8080 of the Service, on which the server listens.
func listens(name string, number int32) func(*v1alpha1.AppStack) {
	return func(s *v1alpha1.AppStack) {
		s.Spec.Ports = []v1alpha1.Port{{Name: name, ContainerPort: number, ServicePort: ptr.To[int32](8080)}}
		s.Spec.Env = []corev1.EnvVar{{Name: "PORT", Value: fmt.Sprint(number)}}
		s.Spec.ReadinessProbe = probeOverHTTP()
		s.Spec.ReadinessProbe.HTTPGet.Port.IntVal = number
	}
}

var _ = Describe("a changed port", func() {
	DescribeTable("with a broken release is served by the earlier pods (R9, R24)",
		func(ctx SpecContext, changes ...func(*v1alpha1.AppStack)) {
			w := newWorld(ctx, nil)
			w.apply(oneLine("v1", replicas(3), portList(v1alpha1.Port{ContainerPort: 8080})))
			w.becomesReady(ctx)
			Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v1"))
			stop := startLoad(ctx, w.url(app), perSecond)

			w.apply(oneLine("v1", append(changes, replicas(3))...))
			w.rolledBack(ctx)
			stop(ctx).losesNothing("a port, and a broken release: "+CurrentSpecReport().LeafNodeText, 200)
			Expect(w.pods(ctx, naming.Main)).To(HaveLen(3))
		},
		Entry("renamed, and the image cannot be pulled", gate, SpecTimeout(longSpec), version("no-such-tag"),
			portList(v1alpha1.Port{Name: "http", ContainerPort: 8080})),
		Entry("another inserted before it, and the image never becomes ready", gate, SpecTimeout(longSpec), deadline("never-ready"),
			portList(v1alpha1.Port{ContainerPort: 9090}, v1alpha1.Port{ContainerPort: 8080})),
		Entry("another name and another number, and the image never becomes ready", SpecTimeout(longSpec),
			deadline("never-ready"), listens("web", 9090)),
	)

	It("of the container only loses no request, in both directions (R9, R24)", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		w.apply(oneLine("v1", replicas(3), listens("", 8080)))
		w.becomesReady(ctx)
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v1"))
		stop := startLoad(ctx, w.url(app), perSecond)

		w.apply(oneLine("v2", replicas(3), listens("", 9090)))
		Expect(history(w.becomesReady(ctx))[0]).To(Equal("2 SpecChanged Succeeded"))
		w.patch(`{"spec":{"rollback":{"toRevision":1}}}`)
		Expect(history(w.becomesReady(ctx))[0]).To(Equal("1 Rollback Succeeded"))
		w.settled(ctx)
		result := stop(ctx)
		result.losesNothing("another port of the container, in both directions", 200)
		Expect(result.NewConnections.Answers).To(And(HaveKey("v1"), HaveKey("v2")))
	}, SpecTimeout(longSpec))

	// The Service's port gets its new name when the rollout has succeeded. For kube-proxy, which identifies ports by name,
	// this is another port without pods until it has also read the endpoints: at most a second later, twice here.
	DescribeTable("with another name is served by old and new pods, in both directions (R9)",
		func(ctx SpecContext, change func(*v1alpha1.AppStack)) {
			w := newWorld(ctx, nil)
			w.apply(oneLine("v1", replicas(3), listens("http", 8080)))
			w.becomesReady(ctx)
			Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v1"))
			stop := startLoad(ctx, w.url(app), perSecond)

			w.apply(oneLine("v2", replicas(3), change))
			Expect(history(w.becomesReady(ctx))[0]).To(Equal("2 SpecChanged Succeeded"))
			w.patch(`{"spec":{"rollback":{"toRevision":1}}}`)
			Expect(history(w.becomesReady(ctx))[0]).To(Equal("1 Rollback Succeeded"))
			w.settled(ctx)
			result := stop(ctx)
			result.writeDown("a port with another name, in both directions: " + CurrentSpecReport().LeafNodeText)
			Expect(result.KeepAlive.Errors+result.NewConnections.Errors).To(BeNumerically("<", 3*perSecond),
				"requests lost in two intervals of about a second: %s", result.NewConnections.FirstErrors)
			Expect(result.NewConnections.Answers).To(And(HaveKey("v1"), HaveKey("v2")))
		},
		Entry("of the same number", SpecTimeout(longSpec), listens("web", 8080)),
		Entry("of another number", SpecTimeout(longSpec), listens("web", 9090)),
	)
})
