// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

var _ = Describe("the guard of the CRD", func() {
	It("R27 refuses to delete it, with a way out, until an annotation lets it", func() {
		policy, binding := &admissionv1.ValidatingAdmissionPolicy{}, &admissionv1.ValidatingAdmissionPolicyBinding{}
		for file, object := range map[string]client.Object{"policy.yaml": policy, "binding.yaml": binding} {
			raw, err := os.ReadFile(filepath.Join(root, "config", "guard", file))
			Expect(err).NotTo(HaveOccurred())
			Expect(yaml.UnmarshalStrict(raw, object)).To(Succeed())
			Expect(k8s.Create(ctx, object)).To(Succeed())
			DeferCleanup(func() { Expect(k8s.Delete(ctx, object)).To(Succeed()) })
		}

		crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "appstacks.apps.appstack.dev"}}
		attempt := func() error { return k8s.Delete(ctx, crd.DeepCopy(), client.DryRunAll) }
		// a new policy takes effect after a moment
		Eventually(attempt).Should(MatchError(And(
			ContainSubstring("delete every AppStack"), ContainSubstring("--cascade=orphan"), ContainSubstring("allow-deletion=true"))))
		Consistently(attempt).Should(HaveOccurred())
		Expect(k8s.DeleteAllOf(ctx, &apiextensionsv1.CustomResourceDefinition{}, client.DryRunAll)).
			To(MatchError(ContainSubstring("delete every AppStack")), "deletecollection is rejected too")

		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(crd), crd)).To(Succeed())
		guarded := crd.DeepCopy()
		metav1.SetMetaDataAnnotation(&crd.ObjectMeta, "apps.appstack.dev/allow-deletion", "true")
		Expect(k8s.Patch(ctx, crd, client.MergeFrom(guarded))).To(Succeed())
		DeferCleanup(func() {
			allowed := crd.DeepCopy()
			delete(crd.Annotations, "apps.appstack.dev/allow-deletion")
			Expect(k8s.Patch(ctx, crd, client.MergeFrom(allowed))).To(Succeed())
		})
		Eventually(attempt).Should(Succeed())
	})
})
