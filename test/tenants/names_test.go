// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package tenants_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

// other is the name of another team's app, without AppStack.
const other = "other"

var _ = Describe("An object that does not belong to the author's stack", func() {
	DescribeTable("is not changed by a stack of the same name (R26)", func(ctx SpecContext, object client.Object, says string) {
		t := newTenant(ctx, nil)
		victim := object.DeepCopyObject().(client.Object)
		victim.SetNamespace(t.Namespace)
		Expect(world.Kube.Create(ctx, victim)).To(Succeed())
		uid := victim.GetUID()
		t.applies(one(other))
		Expect(t.stalled(ctx, other, v1alpha1.ReasonNameConflict)).To(ContainSubstring(says))
		Expect(world.Kube.Get(ctx, client.ObjectKeyFromObject(victim), victim)).To(Succeed())
		Expect(victim.GetUID()).To(Equal(uid))
		Expect(victim.GetOwnerReferences()).To(BeEmpty())
		Expect(victim.GetLabels()).To(Equal(object.GetLabels()))
		for _, field := range victim.GetManagedFields() {
			Expect(field.Manager).NotTo(Equal("appstack"))
		}
		Expect(t.Revisions(ctx)).To(BeEmpty())
	},
		Entry("a Deployment", foreignDeployment(), `Deployment "other" exists and is not owned by this stack`),
		Entry("a Service", foreignService(), `Service "other" exists and is not owned by this stack`),
	)

	It("is not changed by another stack whose component has the same object name (R26)", func(ctx SpecContext) {
		t := newTenant(ctx, nil)
		t.applies(one("a-b", fixture.Component("c", 1, nil, "work")))
		t.ready(ctx, "a-b")
		uids := world.UIDs(world.List[appsv1.DeploymentList](ctx, t.Namespace).Items)
		t.applies(one("a", fixture.Component("b-c", 1, nil, "work")))
		Expect(t.stalled(ctx, "a", v1alpha1.ReasonNameConflict)).To(
			ContainSubstring(`Deployment "a-b-c" exists and belongs to AppStack "a-b"`))
		t.applies(one("a-b-c"))
		Expect(t.stalled(ctx, "a-b-c", v1alpha1.ReasonNameConflict)).To(ContainSubstring(`belongs to AppStack "a-b"`))
		Expect(world.UIDs(world.List[appsv1.DeploymentList](ctx, t.Namespace).Items)).To(ConsistOf(uids))
		t.ready(ctx, "a-b")
	})

	It("cannot be taken by labels: a pod template cannot set the labels of another stack", func(ctx SpecContext) {
		t := newTenant(ctx, nil)
		t.applies(one("victim"))
		t.ready(ctx, "victim")
		t.applies(one("thief", fixture.PodTemplate(`{"metadata":{"labels":{"apps.appstack.dev/stack":"victim",`+
			`"apps.appstack.dev/component":"main","app.kubernetes.io/name":"victim"},"ownerReferences":[{"apiVersion":"apps/v1",`+
			`"kind":"ReplicaSet","name":"x","uid":"x","controller":true}]}}`)))
		t.ready(ctx, "thief")
		Expect(t.podsOf(ctx, "victim")).To(HaveLen(1))
		Expect(t.podsOf(ctx, "thief")).To(HaveExactElements(HaveField("OwnerReferences",
			HaveExactElements(HaveField("Controller", HaveValue(BeTrue()))))))
		Expect(t.backends(ctx, "victim")).To(HaveExactElements(HavePrefix("victim-")))
	})

	It("may select the author's pods by their labels, unless the policy rejects the labels", func(ctx SpecContext) {
		catching := fixture.PodTemplate(`{"metadata":{"labels":{"app":"other"}}}`)
		t := newTenant(ctx, nil)
		Expect(world.Kube.Create(ctx, inNamespace(foreignService(), t.Namespace))).To(Succeed())
		t.applies(one("thief", catching))
		t.ready(ctx, "thief")
		Eventually(func() []string { return t.backends(ctx, other) }).WithContext(ctx).Should(HaveExactElements(HavePrefix("thief-")))

		t = newTenant(ctx, underPolicy)
		refusal := t.creates(ctx, one("thief", catching))
		Expect(refusal).To(MatchError(And(ContainSubstring("denied request: spec.podTemplate.metadata.labels: "),
			ContainSubstring("may not create pods in namespace "+t.Namespace),
			ContainSubstring("ask for that right (create pods), or remove the labels"))))
		tell("labels", refusal.Error())
		Expect(t.creates(ctx, one("thief", inWorker(`{"metadata":{"labels":{"app":"other"}}}`)))).
			To(MatchError(ContainSubstring("spec.components[worker].podTemplate.metadata.labels: ")))
		t.grant(ctx, "", "pods", []string{"create"})
		Eventually(t.creates).WithArguments(ctx, one("thief", catching)).Should(Succeed())
	})

	It("is adopted with the annotation, and under the policy only for users who may replace it", func(ctx SpecContext) {
		adopting := fixture.Annotation(v1alpha1.AnnotationAdopt, "true")
		By("letting the author, who may not touch a Deployment, replace one without the policy")
		t := newTenant(ctx, nil)
		deployment := inNamespace(foreignDeployment(), t.Namespace).(*appsv1.Deployment)
		Expect(world.Kube.Create(ctx, deployment)).To(Succeed())
		t.applies(one(other, adopting, fixture.Image("thief:1")))
		t.ready(ctx, other)
		Expect(t.Deployment(ctx, other)).To(And(HaveField("UID", deployment.UID),
			HaveField("Spec.Template.Spec.Containers", HaveExactElements(HaveField("Image", "thief:1")))))

		By("asking under the policy for the rights that this takes")
		t = newTenant(ctx, underPolicy)
		refusal := t.creates(ctx, one(other, adopting))
		Expect(refusal).To(MatchError(And(ContainSubstring("denied request: metadata.annotations[apps.appstack.dev/adopt]: "),
			ContainSubstring("may not update and delete deployments in namespace "+t.Namespace),
			ContainSubstring("ask for that right (update and delete deployments.apps), or remove the annotation"))))
		tell("adopt", refusal.Error())
		t.applies(one(app))
		Expect(t.dryRun(one(app, adopting))).To(MatchError(ContainSubstring("metadata.annotations[apps.appstack.dev/adopt]: ")))
		t.grant(ctx, "apps", "deployments", []string{"update", "delete"})
		Eventually(t.creates).WithArguments(ctx, one(other, adopting)).Should(
			MatchError(ContainSubstring("may not update and delete services in namespace " + t.Namespace)))
		t.grant(ctx, "", "services", []string{"update", "delete"})
		Eventually(t.creates).WithArguments(ctx, one(other, adopting)).Should(Succeed())
	})

	It("with another controller is never adopted, with or without the annotation (R26)", func(ctx SpecContext) {
		t := newTenant(ctx, nil)
		t.applies(one("victim"))
		uid := t.ready(ctx, "victim").UID
		t.applies(one("vic", fixture.Annotation(v1alpha1.AnnotationAdopt, "true"), fixture.Component("tim", 1, nil, "work")))
		t.ready(ctx, "vic")
		t.applies(one("victim-of", fixture.Component("x", 1, nil, "work")))
		t.ready(ctx, "victim-of")
		thief := one("victim", fixture.Component("of", 1, nil, "work"), fixture.Annotation(v1alpha1.AnnotationAdopt, "true"))
		t.applies(thief)
		Expect(t.stalled(ctx, "victim", v1alpha1.ReasonNameConflict)).To(
			ContainSubstring(`Deployment "victim-of" exists and belongs to AppStack "victim-of"`))
		Expect(t.named(ctx, "victim").UID).To(Equal(uid))
	})
})

func foreignDeployment() *appsv1.Deployment {
	labels := map[string]string{"app": other}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: other, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "other:1"}}},
			},
		},
	}
}

func foreignService() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: other, Labels: map[string]string{"app": other}},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": other},
			Ports:    []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(80)}},
		},
	}
}

func inNamespace(object client.Object, namespace string) client.Object {
	object.SetNamespace(namespace)
	return object
}

// backends returns the names of the pods that receive requests of a Service.
func (t tenant) backends(ctx context.Context, service string) (pods []string) {
	GinkgoHelper()
	var slices discoveryv1.EndpointSliceList
	Expect(world.Kube.List(ctx, &slices, client.InNamespace(t.Namespace),
		client.MatchingLabels{discoveryv1.LabelServiceName: service})).To(Succeed())
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			pods = append(pods, endpoint.TargetRef.Name)
		}
	}
	return pods
}
