// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

// This file simulates the Deployment controller and the garbage collector.

// pods are the pod counts in a Deployment's status.
type pods struct {
	total, updated, ready, available int32
}

// all returns the counts with which every pod is updated and available.
func all(n int32) pods { return pods{n, n, n, n} }

// report writes the status of a Deployment for its newest generation.
func report(name string, p pods) {
	GinkgoHelper()
	Expect(tryReport(name, func(*appsv1.Deployment) pods { return p })).To(Succeed())
}

func tryReport(name string, count func(*appsv1.Deployment) pods) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		deployment := &appsv1.Deployment{}
		if err := k8s.Get(ctx, key(name), deployment); err != nil {
			return err
		}
		p := count(deployment)
		deployment.Status.ObservedGeneration = deployment.Generation
		deployment.Status.Replicas = p.total
		deployment.Status.UpdatedReplicas = p.updated
		deployment.Status.ReadyReplicas = p.ready
		deployment.Status.AvailableReplicas = p.available
		return k8s.Status().Update(ctx, deployment)
	})
}

// rollOut completes the rollouts of all Deployments of the stack that are not paused.
func rollOut(g Gomega) {
	var deployments appsv1.DeploymentList
	g.Expect(k8s.List(ctx, &deployments, client.InNamespace(namespace),
		client.MatchingLabels{naming.LabelStack: app})).To(Succeed())
	for _, deployment := range deployments.Items {
		desired := ptr.Deref(deployment.Spec.Replicas, 1)
		done := deployment.Status.ObservedGeneration == deployment.Generation &&
			deployment.Status.UpdatedReplicas == desired && deployment.Status.Replicas == desired &&
			deployment.Status.AvailableReplicas == desired
		if done || deployment.Spec.Paused {
			continue
		}
		g.Expect(tryReport(deployment.Name, func(d *appsv1.Deployment) pods {
			return all(ptr.Deref(d.Spec.Replicas, 1))
		})).To(Succeed())
	}
}

// ready waits until the operator has observed the stack's newest generation, then completes
// rollouts until the stack is Ready. Pods reported earlier would belong to the rollout that
// the change supersedes.
func ready() *v1alpha1.AppStack {
	GinkgoHelper()
	var stack *v1alpha1.AppStack
	Eventually(func(g Gomega) {
		stack = observed(g)
		rollOut(g)
		g.Expect(stack).To(haveCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded))
	}).Should(Succeed())
	return stack
}

// released changes the stack and waits until it is Ready.
func released(options ...option) *v1alpha1.AppStack {
	GinkgoHelper()
	change(options...)
	return ready()
}

// orphan does what deleting the stack with --cascade=orphan does: the stack is
// deleted, and its objects stay without an owner.
func orphan() {
	GinkgoHelper()
	stack := current()
	deleteStack()
	for _, object := range owned() {
		Expect(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
			if err := k8s.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
				return err
			}
			Expect(metav1.IsControlledBy(object, stack)).To(BeTrue(), object.GetName())
			object.SetOwnerReferences(nil)
			return k8s.Update(ctx, object)
		})).To(Succeed())
	}
}

// collectGarbage deletes the objects that a deleted stack owned.
func collectGarbage() {
	GinkgoHelper()
	for _, object := range owned() {
		Expect(client.IgnoreNotFound(k8s.Delete(ctx, object))).To(Succeed())
	}
}

// deleteStack deletes the stack and checks that it disappears at once: it has no finalizer (R27).
func deleteStack() {
	GinkgoHelper()
	stack := current()
	Expect(k8s.Delete(ctx, stack)).To(Succeed())
	Expect(client.IgnoreNotFound(k8s.Get(ctx, key(app), &v1alpha1.AppStack{}))).To(Succeed())
	Expect(k8s.Get(ctx, key(app), &v1alpha1.AppStack{})).NotTo(Succeed())
}
