// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/fixture"
)

// eachForeign has an entry for each foreign object with a name that the specs' stack needs.
var eachForeign = []TableEntry{
	Entry("Deployment", legacyDeployment, app, `Deployment "my-app"`),
	Entry("Service", legacyService, app, `Service "my-app"`),
	Entry("HorizontalPodAutoscaler", legacyAutoscaler, app, `HorizontalPodAutoscaler "my-app"`),
	Entry("PodDisruptionBudget", legacyBudget, worker, `PodDisruptionBudget "my-app-worker"`),
	Entry("ControllerRevision", legacyRevision, "my-app-1", `ControllerRevision "my-app-1"`),
}

var _ = Describe("an object of a needed name", func() {
	needing := func(more ...option) []option {
		return append(more, autoscaled(v1alpha1.Autoscaling{MaxReplicas: 3}), fixture.Component("worker", 2, nil, "work"))
	}

	DescribeTable("R26 that is someone else's is not touched: nothing is written until it is gone",
		func(existing func(string) client.Object, name, told string) {
			object := existing(name)
			Expect(k8s.Create(ctx, object)).To(Succeed())
			before := object.GetResourceVersion()
			create(needing()...)
			stack := stalled(v1alpha1.ReasonNameConflict, told, "delete it", "rename the stack")
			Expect(stack).To(haveCondition(v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonNotStarted))
			expectEvent(stack, corev1.EventTypeWarning, v1alpha1.ReasonNameConflict, told)
			Consistently(owned).Should(BeEmpty())
			Expect(find(Default, object, name).GetResourceVersion()).To(Equal(before))

			Expect(k8s.Delete(ctx, object)).To(Succeed())
			touch() // without it the next reconcile comes within 30 s
			stack = ready()
			Expect(stack).NotTo(haveType(v1alpha1.ConditionStalled))
			Expect(numbers()).To(Equal([]int64{1}))
		}, eachForeign)

	DescribeTable("R26 that another controller owns is not touched, not even with the annotation for adoption",
		func(existing func(string) client.Object, name, told string) {
			object := existing(name)
			object.SetOwnerReferences([]metav1.OwnerReference{{
				APIVersion: "example.com/v1", Kind: "Platform", Name: "owner", UID: "1", Controller: ptr.To(true),
			}})
			Expect(k8s.Create(ctx, object)).To(Succeed())
			before := object.GetResourceVersion()
			create(needing(adopting())...)
			stalled(v1alpha1.ReasonNameConflict, told, `belongs to Platform "owner"`, "delete it")
			Consistently(owned).Should(BeEmpty())
			Expect(find(Default, object, name).GetResourceVersion()).To(Equal(before))
		}, eachForeign)

	DescribeTable("R26 that carries the stack's labels, but is another controller's, is not touched either",
		func(existing func(string) client.Object, name, told string) {
			object := existing(name)
			object.SetLabels(naming.Recommended(app))
			object.SetOwnerReferences([]metav1.OwnerReference{{
				APIVersion: "example.com/v1", Kind: "Platform", Name: "owner", UID: "1", Controller: ptr.To(true),
			}})
			Expect(k8s.Create(ctx, object)).To(Succeed())
			before := object.GetResourceVersion()
			create(needing()...)
			stalled(v1alpha1.ReasonNameConflict, told, `belongs to Platform "owner"`)
			Consistently(owned).Should(HaveLen(1))
			Expect(find(Default, object, name).GetResourceVersion()).To(Equal(before))
		}, eachForeign)

	It("R26 names the annotation for adoption where it would help", func() {
		Expect(k8s.Create(ctx, legacyService(app))).To(Succeed())
		create()
		stalled(v1alpha1.ReasonNameConflict, "set the annotation apps.appstack.dev/adopt=true on the stack to adopt it")
	})

	It("R26 does not name it where it would not", func() {
		Expect(k8s.Create(ctx, legacyBudget(app))).To(Succeed())
		create()
		stack := stalled(v1alpha1.ReasonNameConflict)
		Expect(condition(stack, v1alpha1.ConditionStalled).Message).NotTo(ContainSubstring(v1alpha1.AnnotationAdopt))
	})

	It("R26 leaves what runs as it is when new content needs a taken name", func() {
		created()
		before := deployment(app)
		Expect(k8s.Create(ctx, legacyDeployment(worker))).To(Succeed())
		change(fixture.Image("my-app:2"), fixture.Component("worker", 1, nil, "work"))
		stack := stalled(v1alpha1.ReasonNameConflict, `Deployment "my-app-worker"`)
		Expect(stack).To(haveCondition(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonPodsAvailable))
		Consistently(func() string { return deployment(app).ResourceVersion }).Should(Equal(before.ResourceVersion))
		Expect(numbers()).To(Equal([]int64{1}))
		Expect(stack.Status.Revision).To(Equal(int64(1)))
	})

	It("R26 that is a copy of a child, labels and all, is nobody's child", func() {
		created()
		copied := deployment(app)
		copied.ObjectMeta = metav1.ObjectMeta{Namespace: namespace, Name: "copy", Labels: copied.Labels}
		Expect(k8s.Create(ctx, copied)).To(Succeed())
		released(fixture.Image("my-app:2"))
		Consistently(gone(&appsv1.Deployment{}, "copy")).Should(BeFalse())
		Expect(deployment("copy").OwnerReferences).To(BeEmpty())
	})

	It("R26 of two stacks is the first one's", func() {
		created(fixture.Component("worker", 1, nil, "work"))
		second := fixture.Stack(worker, fixture.InNamespace(namespace))
		Expect(k8s.Create(ctx, second)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(find(g, second, worker)).To(
				haveCondition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNameConflict))
		}).Should(Succeed())
		Expect(condition(second, v1alpha1.ConditionStalled).Message).To(ContainSubstring(`belongs to AppStack "my-app"`))
		Expect(metav1.IsControlledBy(deployment(worker), current())).To(BeTrue())
	})
})

// Objects that exist in a namespace before the stack.

var legacyLabels = map[string]string{"app": "legacy"}

func legacyMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func legacyDeployment(name string) client.Object {
	return &appsv1.Deployment{ObjectMeta: legacyMeta(name), Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To[int32](2),
		Selector: &metav1.LabelSelector{MatchLabels: legacyLabels},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: with(legacyLabels, "tier", "web"), Annotations: map[string]string{"old": "one"}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "web", Image: "legacy:1", Ports: []corev1.ContainerPort{{ContainerPort: 8080}},
			}}},
		},
		Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
	}}
}

func legacyService(name string) client.Object {
	return &corev1.Service{ObjectMeta: legacyMeta(name), Spec: corev1.ServiceSpec{
		Selector: map[string]string{"tier": "web"},
		Ports:    []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}},
	}}
}

func legacyAutoscaler(name string) client.Object {
	return &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: legacyMeta(name), Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "other"},
		MaxReplicas:    4,
	}}
}

func legacyBudget(name string) client.Object {
	return &policyv1.PodDisruptionBudget{ObjectMeta: legacyMeta(name), Spec: policyv1.PodDisruptionBudgetSpec{
		Selector: &metav1.LabelSelector{MatchLabels: legacyLabels}, MinAvailable: ptr.To(intstr.FromInt32(1)),
	}}
}

func legacyRevision(name string) client.Object {
	return &appsv1.ControllerRevision{ObjectMeta: legacyMeta(name), Data: runtime.RawExtension{Raw: []byte(`{}`)}, Revision: 1}
}
