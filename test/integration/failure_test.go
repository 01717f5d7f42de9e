// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"maps"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("a rollout that fails", func() {
	It("R12 R18 by a pod of the revision goes back to the last good one", func() {
		created()
		template := bytesOf(deployment(app).Spec.Template)
		change(fixture.Image("my-app:2"))
		moved(2)
		pod := podOf(replicaSetOf(deployment(app)))
		fails(pod)

		stack := healed()
		Expect(rollouts(stack)).To(Equal([]string{"1 AutoRollback Succeeded", "2 SpecChanged Failed", "1 SpecChanged Succeeded"}))
		Expect(bytesOf(deployment(app).Spec.Template)).To(Equal(template))
		Expect(stack.Status.Failure).To(HaveValue(And(
			HaveField("Revision", int64(2)), HaveField("Component", "main"), HaveField("Pod", pod.Name), HaveField("Container", "app"),
			HaveField("Reason", v1alpha1.FailureInvalidImageName), HaveField("Message", "couldn't parse image name"))))
		expectEvent(stack, corev1.EventTypeWarning, v1alpha1.EventRolloutFailed, "revision 2 failed: component main, container app")

		By("restoring the failure report from the revisions after the status is lost")
		before := stack.Status
		stack.Status = v1alpha1.AppStackStatus{}
		Expect(k8s.Status().Update(ctx, stack)).To(Succeed())
		again := healed()
		Expect(rollouts(again)).To(HaveLen(3))
		Expect(again.Status.Failure).To(Equal(before.Failure))
	})

	It("R17 is not made to by pods that are not the revision's", func() {
		created()
		old := replicaSetOf(deployment(app))
		change(fixture.Image("my-app:2"))
		moved(2)
		ours := replicaSetOf(deployment(app))

		By("a pod of the earlier revision")
		fails(podOf(old))
		By("a pod with the labels and no owner")
		fails(podOf(nil))
		By("a pod of a foreign ReplicaSet")
		foreign := ours.DeepCopy()
		foreign.ObjectMeta = metav1.ObjectMeta{Namespace: namespace, Name: "foreign", Labels: ours.Labels}
		Expect(k8s.Create(ctx, foreign)).To(Succeed())
		fails(podOf(foreign))
		By("a pod whose owner reference has the ReplicaSet's name and another UID")
		forged := ours.DeepCopy()
		forged.UID = "forged"
		fails(podOf(forged))

		touch()
		Consistently(func() []string { return rollouts(current()) }).WithTimeout(2 * time.Second).
			Should(Equal([]string{"2 SpecChanged Progressing", "1 SpecChanged Succeeded"}))
		Expect(rollouts(ready())).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
	})

	It("R17 when the API server refuses a write that it took on trial", func() {
		created()
		deny("my-app:denied")
		change(fixture.Image("my-app:denied"))
		stack := healed()
		Expect(rollouts(stack)).To(Equal([]string{"1 AutoRollback Succeeded", "2 SpecChanged Failed", "1 SpecChanged Succeeded"}))
		Expect(stack.Status.Failure.Reason).To(Equal(v1alpha1.FailureRejected))
		Expect(stack.Status.Failure.Message).To(ContainSubstring("my-app:denied is denied"))
	})

	It("R14 when the API server refuses a first release stays so, and says why", func() {
		deny("my-app:denied")
		create(fixture.Image("my-app:denied"))
		stack := stalled(v1alpha1.ReasonRolloutFailed, "Rejected", "no other good revision")
		Expect(stack.Status.Failure.Message).To(ContainSubstring("my-app:denied is denied"))
		Expect(rollouts(released(fixture.Image("my-app:2")))).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Failed"}))
	})

	It("R16a is not judged while paused", func() {
		created()
		change(fixture.Image("my-app:2"))
		moved(2)
		set := replicaSetOf(deployment(app))
		change(fixture.Paused(true))
		Eventually(func() bool { return deployment(app).Spec.Paused }).Should(BeTrue())
		fails(podOf(set))
		Consistently(func() []string { return rollouts(current()) }).WithTimeout(time.Second).
			Should(Equal([]string{"2 SpecChanged Progressing", "1 SpecChanged Succeeded"}))
		change(fixture.Paused(false))
		healed()
	})
})

// healed completes rollouts until an automatic rollback has succeeded.
func healed() *v1alpha1.AppStack {
	GinkgoHelper()
	var stack *v1alpha1.AppStack
	Eventually(func(g Gomega) {
		stack = observed(g)
		g.Expect(stack).To(haveCondition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonRolledBack))
		rollOut(g)
		g.Expect(rollouts(stack)[0]).To(HaveSuffix(" AutoRollback Succeeded"))
		g.Expect(stack).To(haveCondition(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonPodsAvailable))
		g.Expect(stack).To(haveCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRolledBack))
		g.Expect(stack).NotTo(haveType(v1alpha1.ConditionReconciling))
	}).Should(Succeed())
	return stack
}

// replicaSetOf creates the ReplicaSet that the Deployment controller would create.
func replicaSetOf(deployment *appsv1.Deployment) *appsv1.ReplicaSet {
	GinkgoHelper()
	const hash = appsv1.DefaultDeploymentUniqueLabelKey
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, GenerateName: deployment.Name + "-", Labels: maps.Clone(deployment.Spec.Template.Labels),
			OwnerReferences: []metav1.OwnerReference{
				*metav1.NewControllerRef(deployment, appsv1.SchemeGroupVersion.WithKind("Deployment")),
			},
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: ptr.To[int32](1),
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{hash: "f00"}},
			Template: *deployment.Spec.Template.DeepCopy(),
		},
	}
	set.Spec.Template.Labels[hash] = "f00"
	Expect(k8s.Create(ctx, set)).To(Succeed())
	return set
}

// podOf creates a pod of the ReplicaSet, or one without an owner.
func podOf(set *appsv1.ReplicaSet) *corev1.Pod {
	GinkgoHelper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: app + "-", Labels: naming.Labels(app, naming.Main)},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: naming.AppContainer, Image: "my-app:2"}}},
	}
	if set != nil {
		pod.OwnerReferences = []metav1.OwnerReference{
			*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet")),
		}
	}
	Expect(k8s.Create(ctx, pod)).To(Succeed())
	return pod
}

// fails sets a pod status that fails the rollout at once.
func fails(pod *corev1.Pod) {
	GinkgoHelper()
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: naming.AppContainer, Image: "my-app:2",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
			Reason: v1alpha1.FailureInvalidImageName, Message: "couldn't parse image name",
		}},
	}}
	Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
}

// deny makes the API server reject Deployments with the image, except in dry runs.
func deny(image string) {
	GinkgoHelper()
	name := "deny-" + namespace
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: ptr.To(admissionv1.Fail),
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments"}},
				}}},
			},
			Validations: []admissionv1.Validation{{
				Expression: "request.dryRun || object.spec.template.spec.containers.all(c, c.image != '" + image + "')",
				Message:    image + " is denied",
			}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}
	for _, object := range []client.Object{policy, binding} {
		Expect(k8s.Create(ctx, object)).To(Succeed())
		DeferCleanup(func() { Expect(k8s.Delete(ctx, object)).To(Succeed()) })
	}
	labels := map[string]string{"probe": "policy"}
	probe := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "probe-"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image}}},
			},
		},
	}
	Eventually(func() bool { return apierrors.IsInvalid(k8s.Create(ctx, probe.DeepCopy())) }).Should(BeTrue(), "the policy is not in force")
}
