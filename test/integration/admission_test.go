// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("a policy of the cluster that changes images", func() {
	const replaced = "mirror.example.com/my-app:1"
	image := func() string { return deployment(app).Spec.Template.Spec.Containers[0].Image }
	says := func() string {
		return fmt.Sprintf("component main: %s in place of my-app:1", replaced)
	}

	It("R20 R28 is accepted where it was added later: the status shows what runs, and says so", func() {
		created()
		replaceImages(replaced)
		Eventually(func(g Gomega) { // until the policy is in force
			touchDeployment(g)
			g.Expect(image()).To(Equal(replaced))
		}).Should(Succeed())
		var stack *v1alpha1.AppStack
		Eventually(func(g Gomega) {
			stack = observed(g)
			g.Expect(stack.Status.Components[0].Image).To(Equal(replaced))
			g.Expect(stack.Status.Image).To(Equal(replaced))
			g.Expect(stack).To(haveCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded))
			g.Expect(condition(stack, v1alpha1.ConditionReady).Message).To(ContainSubstring(says()))
		}).Should(Succeed())
		Expect(stack).NotTo(haveType(v1alpha1.ConditionStalled))
		Expect(numbers()).To(Equal([]int64{1}))
		released(fixture.Replicas(4))
		Expect(current().Status.Image).To(Equal(replaced))
	})

	It("R20 is shown where it was there before", func() {
		replaceImages(replaced)
		Eventually(func(g Gomega) { // until the policy is in force
			probe := legacyDeployment("probe").(*appsv1.Deployment)
			g.Expect(k8s.Create(ctx, probe, client.DryRunAll)).To(Succeed())
			g.Expect(probe.Spec.Template.Spec.Containers[0].Image).To(Equal(replaced))
		}).Should(Succeed())
		stack := created()
		Expect(image()).To(Equal(replaced))
		Expect(stack.Status.Image).To(Equal(replaced))
		Expect(condition(stack, v1alpha1.ConditionReady).Message).To(ContainSubstring(says()))
	})
})

// touchDeployment writes the Deployment without changing a field that the stack sets, so that
// admission control runs.
func touchDeployment(g Gomega) {
	live := deployment(app)
	before := live.DeepCopy()
	live.Annotations = with(live.Annotations, "example.com/touched", live.ResourceVersion)
	g.Expect(k8s.Patch(ctx, live, client.MergeFrom(before), client.FieldOwner(user))).To(Succeed())
}

// replaceImages makes admission control replace the image of all Deployments in the spec's namespace.
func replaceImages(image string) {
	GinkgoHelper()
	policy := &admissionv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Spec: admissionv1.MutatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}},
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule: admissionv1.Rule{
						APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments"},
					},
				}}},
			},
			ReinvocationPolicy: admissionv1.NeverReinvocationPolicy,
			Mutations: []admissionv1.Mutation{{
				PatchType: admissionv1.PatchTypeJSONPatch,
				JSONPatch: &admissionv1.JSONPatch{Expression: fmt.Sprintf(
					`[JSONPatch{op: "replace", path: "/spec/template/spec/containers/0/image", value: %q}]`, image)},
			}},
		},
	}
	binding := &admissionv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Spec:       admissionv1.MutatingAdmissionPolicyBindingSpec{PolicyName: namespace},
	}
	for _, object := range []client.Object{policy, binding} {
		Expect(k8s.Create(ctx, object)).To(Succeed())
		DeferCleanup(func() { Expect(k8s.Delete(ctx, object)).To(Succeed()) })
	}
}
