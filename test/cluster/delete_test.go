// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

var _ = Describe("Deleting a stack", func() {
	It("leaves the app as it runs with --cascade=orphan, and a new stack takes it back (R26, R27)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app)
		w.Apply(stack)
		w.BecomesReady(ctx)
		w.Apply(fixture.With(stack, fixture.Image("my-app:2")))
		before := w.BecomesReady(ctx)
		pods := world.UIDs(w.Pods(ctx))
		Expect(pods).To(HaveLen(3))
		children := func() []client.Object {
			budget, err := world.Get[policyv1.PodDisruptionBudget](ctx, w.Namespace, app)
			Expect(err).NotTo(HaveOccurred())
			all := []client.Object{w.Deployment(ctx, app), w.Service(ctx, app), budget}
			for _, revision := range world.List[appsv1.ControllerRevisionList](ctx, w.Namespace).Items {
				all = append(all, &revision)
			}
			return all
		}
		identities := func() map[string]string {
			all := map[string]string{}
			for _, child := range children() {
				all[child.GetName()+" "+string(child.GetUID())] = ""
			}
			return all
		}
		owners := func() []metav1.OwnerReference {
			var all []metav1.OwnerReference
			for _, child := range children() {
				all = append(all, child.GetOwnerReferences()...)
			}
			return all
		}
		identity, sets := identities(), w.ReplicaSets(ctx)
		Expect(identity).To(HaveLen(5))

		By("deleting the stack and orphaning its objects")
		w.Kubectl("delete", "aps/my-app", "--cascade=orphan")
		Expect(owners()).To(BeEmpty())
		Consistently(ctx, func(g Gomega) {
			g.Expect(identities()).To(Equal(identity))
			g.Expect(world.UIDs(w.ReadyPods(ctx))).To(ConsistOf(pods))
		}).Should(Succeed())

		By("recreating the stack")
		w.Apply(fixture.Stack(app, fixture.Image("my-app:2")))
		after := w.BecomesReady(ctx)
		Expect(after.UID).NotTo(Equal(before.UID))
		Expect(world.History(after)).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		Expect(after.Status.Revision).To(BeEquivalentTo(2))
		Expect(identities()).To(Equal(identity))
		Expect(w.ReplicaSets(ctx)).To(ConsistOf(sets))
		Expect(world.UIDs(w.ReadyPods(ctx))).To(ConsistOf(pods))
		Eventually(ctx, owners).Should(And(HaveLen(5), HaveEach(HaveField("UID", after.UID))))

		By("rolling back to a revision of the deleted stack")
		w.Apply(fixture.Stack(app, fixture.Image("my-app:2"), fixture.RollbackTo(1, 0)))
		w.BecomesReady(ctx)
		Expect(w.ReplicaSets(ctx)).To(ConsistOf(sets))
	})

	It("leaves nothing behind (R27)", func(ctx SpecContext) {
		w := newScene(ctx)
		scaled := func(c *v1alpha1.Component) {
			c.Replicas, c.Autoscaling = nil, &v1alpha1.Autoscaling{MaxReplicas: 3}
			c.Ports = []v1alpha1.Port{{ContainerPort: 8080}}
		}
		stack := fixture.Stack(app, fixture.Component("web", 1, scaled))
		w.Apply(stack)
		w.BecomesReady(ctx)
		w.Apply(fixture.With(stack, fixture.Image("my-app:2")))
		w.BecomesReady(ctx)
		kinds := func() []client.ObjectList {
			return []client.ObjectList{
				&appsv1.DeploymentList{}, &appsv1.ReplicaSetList{}, &corev1.PodList{}, &corev1.ServiceList{},
				&discoveryv1.EndpointSliceList{}, &policyv1.PodDisruptionBudgetList{},
				&autoscalingv2.HorizontalPodAutoscalerList{}, &appsv1.ControllerRevisionList{},
			}
		}
		Eventually(ctx, func(g Gomega) {
			for _, kind := range kinds() {
				g.Expect(world.Kube.List(ctx, kind, client.InNamespace(w.Namespace))).To(Succeed())
				g.Expect(meta.LenList(kind)).NotTo(BeZero(), "%T: no object existed before the deletion", kind)
			}
		}).Should(Succeed())

		w.Kubectl("delete", "aps/my-app")
		Eventually(ctx, func(g Gomega) {
			for _, kind := range kinds() {
				g.Expect(world.Kube.List(ctx, kind, client.InNamespace(w.Namespace))).To(Succeed())
				g.Expect(meta.LenList(kind)).To(BeZero(), "%T", kind)
			}
		}).Should(Succeed())
	})

	It("and making it again at once starts anew, once the old one's objects are gone (R26)", func(ctx SpecContext) {
		w := newScene(ctx)
		w.KubectlApply(example)
		w.BecomesReady(ctx)
		pods := world.UIDs(w.Pods(ctx))

		w.Kubectl("delete", "aps/my-app", "--wait=false")
		w.KubectlApply(example)
		after := w.BecomesReady(ctx)
		Expect(world.History(after)).To(Equal([]string{"1 SpecChanged Succeeded"}))
		// the pods of the old stack are garbage-collected some time after its Deployment
		Eventually(ctx, func() []types.UID { return world.UIDs(w.ReadyPods(ctx)) }).Should(
			And(HaveLen(3), HaveEach(Not(BeElementOf(pods)))))
		Consistently(ctx, func() []corev1.Pod { return w.ReadyPods(ctx) }).Should(HaveLen(3))
	})

	It("is not what kubectl delete all does: what it deletes is made again", func(ctx SpecContext) {
		w := newScene(ctx)
		w.KubectlApply(example)
		before := w.BecomesReady(ctx)
		pods := world.UIDs(w.Pods(ctx))

		// without waiting: kubectl would wait for the ReplicaSet, which is recreated with the same name
		Expect(w.Kubectl("delete", "all", "--all", "--wait=false")).NotTo(ContainSubstring("apps.appstack.dev"))
		Eventually(ctx, func(g Gomega) {
			g.Expect(world.UIDs(w.ReadyPods(ctx))).To(And(HaveLen(3), HaveEach(Not(BeElementOf(pods)))))
			g.Expect(w.Endpoints(ctx, app)).To(Equal(map[int32]int{80: 3}))
		}).Should(Succeed())
		after := w.BecomesReady(ctx)
		Expect(after.UID).To(Equal(before.UID))
		Expect(world.History(after)).To(Equal([]string{"1 SpecChanged Succeeded"}))
	})
})
