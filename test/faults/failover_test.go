// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package faults_test

import (
	"context"
	"fmt"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

// slowly makes new pods become ready slowly.
const slowly = `{"metadata":{"annotations":{"appstack.dev/ready-after":"2s"}}}`

// pair is two managers of a namespace with a Ready stack.
func pair(ctx context.Context) (namespace string, leader, other *process) {
	GinkgoHelper()
	namespace = world.New(ctx).Namespace
	first, second := startProcess(namespace), startProcess(namespace)
	leader, other = first, second
	if leads(ctx, first, second) == second {
		leader, other = second, first
	}
	a := created(PodTemplate(slowly))
	Expect(a.by(ctx, namespace)).To(Succeed())
	Expect(a.await(ctx, namespace, patience)).To(Succeed())
	return namespace, leader, other
}

// underWay starts a rollout to an image, and returns while it is in progress.
func underWay(ctx context.Context, namespace, image string) {
	GinkgoHelper()
	Expect(change(Image(image))(ctx, namespace)).To(Succeed())
	Eventually(ctx, func(g Gomega) {
		deployment, err := world.Get[appsv1.Deployment](ctx, namespace, world.App)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(deployment.Spec.Template.Spec.Containers[0].Image).To(Equal(image))
		g.Expect(deployment.Status.UpdatedReplicas).To(BeNumerically(">", 0))
		g.Expect(deployment.Status.AvailableReplicas).To(BeNumerically(">", 0))
	}).Should(Succeed())
}

// told waits until the stack is Ready with its current spec, and returns its history.
func told(ctx context.Context, namespace string) []string {
	GinkgoHelper()
	Expect(changed().await(ctx, namespace, patience)).To(Succeed())
	stack, err := world.Get[v1alpha1.AppStack](ctx, namespace, world.App)
	Expect(err).NotTo(HaveOccurred())
	return world.History(stack)
}

var _ = Describe("Of two managers, the one that leads", func() {
	for name, signal := range map[string]syscall.Signal{"is killed": syscall.SIGKILL, "is asked to end": syscall.SIGTERM} {
		It(name+" in the middle of a rollout: the other ends it", func(ctx SpecContext) {
			namespace, leader, other := pair(ctx)
			underWay(ctx, namespace, "my-app:2")
			began := time.Now()
			leader.signal(signal)
			Eventually(ctx, leader.ended).Should(BeClosed())
			Expect(leads(ctx, other)).To(BeIdenticalTo(other))
			AddReportEntry(name, fmt.Sprintf("the other leads after %s", time.Since(began).Round(time.Second)))
			Expect(told(ctx, namespace)).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		}, SpecTimeout(4*time.Minute))
	}

	It("stands still for longer than its lease, and goes on: it leads no more, and what the other did stays", func(ctx SpecContext) {
		namespace, leader, other := pair(ctx)
		underWay(ctx, namespace, "my-app:2")
		leader.signal(syscall.SIGSTOP)
		Expect(leads(ctx, other)).To(BeIdenticalTo(other))
		Expect(told(ctx, namespace)).To(HaveLen(2))
		Expect(change(Image("my-app:3"))(ctx, namespace)).To(Succeed())
		expected := []string{"3 SpecChanged Succeeded", "2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}
		Expect(told(ctx, namespace)).To(Equal(expected))
		end, err := (&run{namespace: namespace}).settle(ctx, "")
		Expect(err).NotTo(HaveOccurred())

		leader.signal(syscall.SIGCONT)
		Eventually(ctx, leader.ended).Should(BeClosed(), "one that lost the lease ends, and is started anew as another")
		Expect(leader.log.String()).To(ContainSubstring("leader election lost"))
		after, err := (&run{namespace: namespace}).settle(ctx, end.state)
		Expect(err).NotTo(HaveOccurred())
		Expect(after).To(Equal(end))
		Expect(other.runs()).To(BeTrue())
	}, SpecTimeout(4*time.Minute))
})

var _ = Describe("A manager with little memory", func() {
	It("keeps 50 stacks and releases of all of them in 64 MiB", func(ctx SpecContext) {
		const stacks, limit = 50, 64
		namespace := world.New(ctx).Namespace
		manager := startProcess(namespace, "GOMEMLIMIT=57MiB")
		most := 0
		each := func(do func(name string) error) {
			GinkgoHelper()
			for i := range stacks {
				Expect(do(fmt.Sprintf("app-%d", i))).To(Succeed())
			}
		}
		allReady := func(image string) {
			GinkgoHelper()
			Eventually(ctx, func(g Gomega) {
				most = max(most, manager.memory())
				var list v1alpha1.AppStackList
				g.Expect(world.Kube.List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
				g.Expect(list.Items).To(HaveLen(stacks))
				for _, stack := range list.Items {
					g.Expect(stack.Status.Image).To(Equal(image))
					g.Expect(stack.Status.Conditions).To(ContainElement(And(
						HaveField("Type", "Ready"), HaveField("Status", BeEquivalentTo("True")), HaveField("ObservedGeneration", stack.Generation))))
				}
			}).WithTimeout(2 * time.Minute).WithPolling(200 * time.Millisecond).Should(Succeed())
		}
		each(func(name string) error {
			return world.Kube.Create(ctx, With(Stack(name, InNamespace(namespace)), small, Replicas(1)))
		})
		allReady("my-app:1")
		each(func(name string) error { return changeNamed(ctx, namespace, name, Image("my-app:2")) })
		allReady("my-app:2")
		Expect(manager.runs()).To(BeTrue())
		Expect(most).To(BeNumerically("<=", limit))
		AddReportEntry("memory", fmt.Sprintf("%d stacks of two components, each released twice: %d MiB at most", stacks, most))
	}, SpecTimeout(6*time.Minute))
})
