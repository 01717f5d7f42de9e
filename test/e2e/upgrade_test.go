// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/kubectl"
)

var _ = Describe("the operator's upgrade", Serial, func() {
	It("and downgrade restart no pod of any stack (R2)", func(ctx SpecContext) {
		By("installing the previous operator, and its stacks")
		previous := built("previous", "operator")
		DeferCleanup(install)
		kubectl.Run("delete", "deployment", "-n", operatorNamespace, operatorDeployment)
		installFrom(ctx, previous)
		Expect(operatorImage(ctx)).To(HaveSuffix(":previous"))
		w := newWorld(ctx, nil)
		w.apply(oneLine("v1", replicas(2), func(s *v1alpha1.AppStack) {
			s.Spec.Components = []v1alpha1.Component{{Name: "worker", ComponentSpec: v1alpha1.ComponentSpec{Args: []string{"client"}}}}
		}))
		w.becomesReady(ctx)
		w.patch(`{"spec":{"image":"%scrash-at-start"}}`, images)
		w.rolledBack(ctx)
		configured := newWorld(ctx, nil)
		configured.apply(settings("blue", "good"), oneLine("v1", replicas(3), overHTTP, withSettings))
		configured.becomesReady(ctx)
		configuredBefore := configured.settled(ctx)
		told := history(w.stack(ctx))
		before := w.settled(ctx)
		templates := w.templates(ctx)

		By("upgrading")
		install(ctx)
		Expect(operatorImage(ctx)).NotTo(HaveSuffix(":previous"))
		w.isLeftAlone(ctx, before)
		Expect(w.templates(ctx)).To(Equal(templates))
		Expect(history(w.stack(ctx))).To(Equal(told))
		configured.isLeftAlone(ctx, configuredBefore)

		By("releasing a changed ConfigMap, and rolling back to a revision that has no copy of it (R2, R32)")
		configured.apply(settings("red", "good"))
		configured.rollsOut(ctx, "2 ConfigChanged Succeeded")
		configured.eachPodHas(ctx, "red")
		configured.patch(`{"spec":{"rollback":{"toRevision":1}}}`)
		configured.rollsOut(ctx, "1 Rollback Succeeded")
		configured.eachPodHas(ctx, "red")

		By("releasing with the new operator, and rolling back to a revision of the previous one")
		w.patch(`{"spec":{"image":"%sv2"}}`, images)
		w.becomesReady(ctx)
		w.patch(`{"spec":{"rollback":{"toRevision":1}}}`)
		Expect(history(w.becomesReady(ctx))[0]).To(Equal("1 Rollback Succeeded"))
		before = w.settled(ctx)
		told = history(w.stack(ctx))
		templates = w.templates(ctx)

		By("downgrading to the previous operator")
		installFrom(ctx, previous)
		w.isLeftAlone(ctx, before)
		Expect(w.templates(ctx)).To(Equal(templates))
		Expect(history(w.stack(ctx))).To(Equal(told))
		w.patch(`{"spec":{"rollback":null,"image":"%sv3"}}`, images)
		w.becomesReady(ctx)
	}, SpecTimeout(longSpec))
})

// isLeftAlone waits until the operator has reconciled the stack, and expects that its
// pods stay for a while.
func (w world) isLeftAlone(ctx context.Context, before []life) {
	GinkgoHelper()
	// After a change that does not affect pods, the operator has reconciled the stack once its generation is observed.
	stack := w.stack(ctx)
	w.patch(`{"spec":{"revisionHistoryLimit":%d}}`, ptr.Deref(stack.Spec.RevisionHistoryLimit, 10)+1)
	Eventually(ctx, func(g Gomega) {
		now := w.stack(ctx)
		g.Expect(now.Generation).To(BeNumerically(">", stack.Generation))
		g.Expect(now.Status.ObservedGeneration).To(Equal(now.Generation))
	}).Should(Succeed())
	Consistently(ctx, func() []life { return w.lives(ctx) }).Should(ConsistOf(before))
}

// templates returns the pod templates of the Deployments.
func (w world) templates(ctx context.Context) map[string]corev1.PodTemplateSpec {
	GinkgoHelper()
	var deployments appsv1.DeploymentList
	Expect(kube.List(ctx, &deployments, client.InNamespace(w.namespace), client.HasLabels{naming.LabelStack})).To(Succeed())
	all := map[string]corev1.PodTemplateSpec{}
	for _, deployment := range deployments.Items {
		all[deployment.Name] = deployment.Spec.Template
	}
	return all
}
