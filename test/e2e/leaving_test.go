// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	"context"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/kubectl"
)

var _ = Describe("uninstalling", Serial, func() {
	// twoRevisions creates a stack with two revisions.
	twoRevisions := func(ctx context.Context, w world) []life {
		GinkgoHelper()
		w.apply(oneLine("v1", replicas(2)))
		w.becomesReady(ctx)
		w.apply(oneLine("v2", replicas(2)))
		w.becomesReady(ctx)
		return w.settled(ctx)
	}

	It("by kubectl delete -k keeps the stacks and their pods, and a reinstalled operator continues with them", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		before := twoRevisions(ctx, w)
		DeferCleanup(install)

		_, stderr, err := kubectl.Attempt("", "delete", "-k", filepath.Join(root(), "config", "default"))
		Expect(err).To(HaveOccurred(), "deleting the CRD must be rejected with a message")
		Expect(stderr).To(ContainSubstring("this would delete every AppStack of the cluster and what they run"))
		Expect(stderr).To(ContainSubstring("--cascade=orphan"))
		Expect(kubectl.Run("get", "crd", crd, "-o", "name")).To(ContainSubstring(crd))
		operatorIsGone(ctx)
		Consistently(ctx, func() []life { return w.lives(ctx) }).Should(ConsistOf(before))
		Expect(fetch(ctx, w.url(app), "").Body).To(HavePrefix("v2"))

		install(ctx)
		w.isLeftAlone(ctx, before)
		w.patch(`{"spec":{"rollback":{"toRevision":1}}}`)
		Expect(history(w.becomesReady(ctx))).To(Equal([]string{
			"1 Rollback Succeeded", "2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
	}, SpecTimeout(longSpec))

	It("permanently keeps the pods running, and a later installation finds the history", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		before := twoRevisions(ctx, w)
		written := oneLine("v2", replicas(2))
		DeferCleanup(install)

		By("orphaning the children, and then deleting the CRD")
		kubectl.Run("delete", "appstacks", "--all", "--all-namespaces", "--cascade=orphan")
		kubectl.Run("annotate", "crd", crd, "apps.appstack.dev/allow-deletion=true")
		kubectl.Run("delete", "-k", filepath.Join(root(), "config", "default"))
		operatorIsGone(ctx)
		Eventually(ctx, func() string {
			stdout, _, _ := kubectl.Attempt("", "get", "crd", crd, "--ignore-not-found", "-o", "name")
			return stdout
		}).Should(BeEmpty())
		deployment, err := get[appsv1.Deployment](ctx, w.namespace, app)
		Expect(err).NotTo(HaveOccurred())
		Expect(deployment.OwnerReferences).To(BeEmpty())
		Consistently(ctx, func() []life { return w.lives(ctx) }).Should(ConsistOf(before))
		Expect(fetch(ctx, w.url(app), "").Body).To(HavePrefix("v2"))

		By("reinstalling")
		install(ctx)
		w.apply(written)
		stack := w.becomesReady(ctx)
		Eventually(ctx, func(g Gomega) {
			service, err := get[corev1.Service](ctx, w.namespace, app)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(metav1.IsControlledBy(service, stack)).To(BeTrue())
		}).Should(Succeed())
		w.isLeftAlone(ctx, before)
		w.patch(`{"spec":{"rollback":{"toRevision":1}}}`)
		Expect(history(w.becomesReady(ctx))[0]).To(Equal("1 Rollback Succeeded"))
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v1"))
	}, SpecTimeout(longSpec))
})

var _ = Describe("a backup", func() {
	It("restores a stack with its history", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		w.apply(oneLine("v1"))
		w.becomesReady(ctx)
		w.apply(oneLine("v2"))
		w.becomesReady(ctx)

		By("saving the objects, and deleting them")
		revisions := withoutIdentity(w.kubectl("get", "controllerrevisions", "-l", naming.LabelStack, "-o", "json"))
		stacks := withoutIdentity(w.kubectl("get", "appstacks", "-o", "json"))
		w.kubectl("delete", "aps", app)
		Eventually(ctx, func() []corev1.Pod { return w.pods(ctx, naming.Main) }).Should(BeEmpty())
		Eventually(ctx, func() []appsv1.ControllerRevision {
			var revisions appsv1.ControllerRevisionList
			Expect(kube.List(ctx, &revisions, client.InNamespace(w.namespace))).To(Succeed())
			return revisions.Items
		}).Should(BeEmpty())

		By("restoring the revisions, then the stack, which adopts them")
		for _, saved := range []string{revisions, stacks} {
			_, stderr, err := kubectl.Attempt(saved, "--namespace", w.namespace, "create", "-f", "-")
			Expect(err).NotTo(HaveOccurred(), stderr)
		}
		w.becomesReady(ctx)
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v2"))
		w.patch(`{"spec":{"rollback":{"toRevision":1}}}`)
		stack := w.becomesReady(ctx)
		Expect(history(stack)[0]).To(Equal("1 Rollback Succeeded"))
		Expect(history(stack)).To(ContainElement("2 SpecChanged Succeeded"))
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v1"))
	})
})

// operatorIsGone waits until none of its pods is left.
func operatorIsGone(ctx context.Context) {
	GinkgoHelper()
	Eventually(ctx, func() error {
		_, err := get[corev1.Namespace](ctx, "", operatorNamespace)
		return err
	}).Should(MatchError(ContainSubstring("not found")))
}

// withoutIdentity returns the list without the fields that identify the earlier objects, so
// that it can be created again: the garbage collector would delete objects with missing owners.
func withoutIdentity(list string) string {
	GinkgoHelper()
	var objects unstructured.UnstructuredList
	Expect(objects.UnmarshalJSON([]byte(list))).To(Succeed())
	for _, object := range objects.Items {
		for _, field := range []string{"ownerReferences", "uid", "resourceVersion", "creationTimestamp", "generation"} {
			unstructured.RemoveNestedField(object.Object, "metadata", field)
		}
	}
	raw, err := objects.MarshalJSON()
	Expect(err).NotTo(HaveOccurred())
	return string(raw)
}
