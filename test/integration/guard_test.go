// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"encoding/json"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

var _ = Describe("the guard of the CRD", func() {
	It("R27 refuses to delete it, with a way out, until an annotation lets it", func() {
		installGuard("policy.yaml", "binding.yaml")
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

var _ = Describe("the guard of ConfigMaps", func() {
	It("R37 holds the operator's account to immutable copies of stacks, and nobody else", func() {
		asAccount, _ := operatorAccount()
		account, err := client.New(asAccount, client.Options{Scheme: k8s.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		system := func(change func(*corev1.ConfigMap)) *corev1.ConfigMap {
			config := &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: metav1.NamespaceSystem, Name: "aws-auth", Labels: naming.Recommended(app),
					Annotations:     map[string]string{naming.AnnotationConfigSource: "web"},
					OwnerReferences: []metav1.OwnerReference{naming.Owner(&v1alpha1.AppStack{ObjectMeta: metav1.ObjectMeta{Name: app, UID: "a"}})},
				},
				Immutable: ptr.To(true),
				Data:      map[string]string{"mapRoles": "[]"},
			}
			change(config)
			return config
		}
		nothing := func(*corev1.ConfigMap) {}
		refused := MatchError(ContainSubstring("it may write no other ConfigMap"))

		By("creating")
		for _, change := range []func(*corev1.ConfigMap){
			func(c *corev1.ConfigMap) { c.Immutable = nil },
			func(c *corev1.ConfigMap) { c.Immutable = ptr.To(false) },
			func(c *corev1.ConfigMap) { c.Labels = nil },
			func(c *corev1.ConfigMap) { delete(c.Labels, naming.LabelStack) },
			func(c *corev1.ConfigMap) { c.Annotations = nil },
			func(c *corev1.ConfigMap) { c.OwnerReferences = nil },
			func(c *corev1.ConfigMap) { c.OwnerReferences[0].Controller = nil },
			func(c *corev1.ConfigMap) {
				c.OwnerReferences[0].Kind, c.OwnerReferences[0].BlockOwnerDeletion = "Other", nil
			},
			func(c *corev1.ConfigMap) {
				c.OwnerReferences[0].APIVersion, c.OwnerReferences[0].BlockOwnerDeletion = "example.com/v1", nil
			},
		} {
			// a new policy takes effect after a moment
			Eventually(func() error { return account.Create(ctx, system(change), client.DryRunAll) }).Should(refused)
			Expect(k8s.Create(ctx, system(change), client.DryRunAll)).To(Succeed(), "others may")
		}
		Expect(account.Create(ctx, system(nothing), client.DryRunAll)).To(Succeed())

		By("changing and deleting what others have")
		theirs := system(func(c *corev1.ConfigMap) {
			c.Immutable, c.Labels, c.Annotations, c.OwnerReferences = nil, nil, nil, nil
		})
		Expect(k8s.Create(ctx, theirs)).To(Succeed())
		DeferCleanup(func() { Expect(k8s.Delete(ctx, theirs)).To(Succeed()) })
		claim := func(object *corev1.ConfigMap, patch string) error {
			return account.Patch(ctx, object.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(patch)), client.DryRunAll)
		}
		full, err := json.Marshal(system(nothing))
		Expect(err).NotTo(HaveOccurred())
		Expect(claim(theirs, string(full))).To(refused)
		Expect(claim(theirs, `{"data":{"mapRoles":"root"}}`)).To(refused)
		Expect(account.Delete(ctx, theirs.DeepCopy(), client.DryRunAll)).To(refused)

		By("changing and deleting a copy")
		copied := system(func(c *corev1.ConfigMap) { c.Name, c.OwnerReferences = "copy", nil })
		Expect(k8s.Create(ctx, copied)).To(Succeed())
		DeferCleanup(func() { Expect(k8s.Delete(ctx, copied)).To(Succeed()) })
		owner, err := json.Marshal(map[string]any{"metadata": map[string]any{"ownerReferences": system(nothing).OwnerReferences}})
		Expect(err).NotTo(HaveOccurred())
		Expect(claim(copied, string(owner))).To(Succeed())
		Expect(claim(copied, `{"metadata":{"labels":{"a":"b"}}}`)).To(refused)
		Expect(claim(copied, `{"metadata":{"labels":null}}`)).To(refused)
		Expect(account.Delete(ctx, copied.DeepCopy(), client.DryRunAll)).To(Succeed())
	})
})

// installGuard installs a policy and its binding from config/guard until the spec ends.
func installGuard(policyFile, bindingFile string) {
	GinkgoHelper()
	for file, object := range map[string]client.Object{
		policyFile: &admissionv1.ValidatingAdmissionPolicy{}, bindingFile: &admissionv1.ValidatingAdmissionPolicyBinding{},
	} {
		raw, err := os.ReadFile(filepath.Join(root, "config", "guard", file))
		Expect(err).NotTo(HaveOccurred())
		Expect(yaml.UnmarshalStrict(raw, object)).To(Succeed())
		Expect(k8s.Create(ctx, object)).To(Succeed())
		DeferCleanup(func() { Expect(k8s.Delete(ctx, object)).To(Succeed()) })
	}
}
