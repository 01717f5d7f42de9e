// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

// eachBad is content that is rejected, with the expected reason and message.
var eachBad = []TableEntry{
	Entry("an unknown field of podTemplate",
		fixture.PodTemplate(`{"spec":{"afinity":{}}}`), v1alpha1.ReasonInvalidPodTemplate, `unknown field "spec.afinity"`),
	Entry("a field of podTemplate of the wrong type",
		fixture.PodTemplate(`{"spec":{"hostNetwork":"yes"}}`), v1alpha1.ReasonInvalidPodTemplate, "hostNetwork"),
	Entry("a podTemplate that deletes the app container",
		fixture.PodTemplate(`{"spec":{"containers":[{"name":"app","$patch":"delete"}]}}`),
		v1alpha1.ReasonInvalidPodTemplate, `deletes the container "app", which runs the image: keep it`),
	Entry("a podTemplate of another component",
		fixture.Component("worker", 1, func(c *v1alpha1.Component) {
			c.PodTemplate = fixture.Stack("", fixture.PodTemplate(`{"sepc":{}}`)).Spec.PodTemplate
		}), v1alpha1.ReasonInvalidPodTemplate, `component worker: podTemplate: unknown field "sepc"`),
	Entry("a restart policy that a Deployment does not take",
		fixture.PodTemplate(`{"spec":{"restartPolicy":"Never"}}`), v1alpha1.ReasonRejected, "spec.template.spec.restartPolicy"),
	Entry("the name of a variable", fixture.Env("a=b", "c"), v1alpha1.ReasonRejected, "spec.template.spec.containers[0].env[0].name"),
	Entry("requests above limits", func(s *v1alpha1.AppStack) {
		asking("2")(s)
		s.Spec.Resources.Limits = fixture.With(&v1alpha1.AppStack{}, asking("1")).Spec.Resources.Requests
	}, v1alpha1.ReasonRejected, "must be less than or equal to cpu limit"),
}

var _ = Describe("content that cannot run", func() {
	DescribeTable("R4 R30 of a new stack leads to nothing but a condition and an event, and can be corrected",
		func(bad option, reason, message string) {
			create(bad)
			stack := stalled(reason, message)
			Expect(stack).To(haveCondition(v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonNotStarted))
			Expect(stack.Status.Revision).To(BeZero())
			expectEvent(stack, corev1.EventTypeWarning, reason, message)
			Consistently(owned).Should(BeEmpty())

			stack = released(func(s *v1alpha1.AppStack) {
				s.Spec = fixture.Stack(app).Spec
			})
			Expect(stack).NotTo(haveType(v1alpha1.ConditionStalled))
			Expect(numbers()).To(Equal([]int64{1}))
		}, eachBad)

	DescribeTable("R4 R30 of a stack that runs touches nothing that runs, and can be corrected",
		func(bad option, reason, message string) {
			created()
			before := deployment(app)
			change(bad)
			stack := stalled(reason, message)
			Expect(stack).To(haveCondition(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonPodsAvailable))
			Expect(stack.Status.Revision).To(Equal(int64(1)))
			expectEvent(stack, corev1.EventTypeWarning, reason, message)
			Consistently(func() string { return deployment(app).ResourceVersion }).
				Should(Equal(before.ResourceVersion))
			Expect(numbers()).To(Equal([]int64{1}))

			stack = released(func(s *v1alpha1.AppStack) { s.Spec = fixture.Stack(app).Spec })
			Expect(stack).NotTo(haveType(v1alpha1.ConditionStalled))
			Expect(numbers()).To(Equal([]int64{1}))
			Expect(rollouts(stack)).To(HaveLen(1))
		}, eachBad)

	DescribeTable("R1 R28 does not keep what runs from being scaled and put back",
		func(bad option, reason, _ string) {
			created()
			change(bad)
			stalled(reason)
			change(fixture.Replicas(5))
			Eventually(func() int32 { return *deployment(app).Spec.Replicas }).Should(Equal(int32(5)))
			before := service(app).UID
			Expect(k8s.Delete(ctx, service(app))).To(Succeed())
			Eventually(func(g Gomega) {
				g.Expect(find(g, &corev1.Service{}, app).UID).NotTo(Equal(before))
			}).Should(Succeed())
			stalled(reason)
		}, eachBad[0], eachBad[4])

	It("R30 tells of a Service that the API server refuses, before any pod is made", func() {
		create(fixture.Ports(80), func(s *v1alpha1.AppStack) {
			s.Spec.Service = &v1alpha1.ServiceSpec{Annotations: map[string]string{"not a key": "a"}}
		})
		stalled(v1alpha1.ReasonRejected, "metadata.annotations")
		Consistently(owned).Should(BeEmpty())
	})

	It("merges a podTemplate over what it generates, and keeps the labels by which pods are found", func() {
		created(fixture.PodTemplate(`{
			"metadata": {
				"annotations": {"example.com/a": "b"},
				"labels": {"example.com/c": "d", "apps.appstack.dev/stack": "stolen", "apps.appstack.dev/component": null}},
			"spec": {
				"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
					{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]}}},
				"initContainers": [{"name": "migrate", "image": "my-app:1"}],
				"containers": [
					{"name": "proxy", "image": "proxy:1"},
					{"name": "app", "stdin": true, "ports": [{"containerPort": 9090, "name": "metrics"}]}]}}`))
		template := deployment(app).Spec.Template
		Expect(template.Annotations).To(HaveKeyWithValue("example.com/a", "b"))
		Expect(template.Labels).To(HaveKeyWithValue("example.com/c", "d"))
		for name, value := range deployment(app).Spec.Selector.MatchLabels {
			Expect(template.Labels).To(HaveKeyWithValue(name, value))
		}
		Expect(template.Spec.Affinity.NodeAffinity).NotTo(BeNil())
		Expect(template.Spec.InitContainers).To(HaveLen(1))
		names := map[string]corev1.Container{}
		for _, container := range template.Spec.Containers {
			names[container.Name] = container
		}
		Expect(names).To(HaveLen(2))
		Expect(names["proxy"].Image).To(Equal("proxy:1"))
		Expect(names["app"].Image).To(Equal("my-app:1"))
		Expect(names["app"].Stdin).To(BeTrue())
		Expect(names["app"].Ports).To(ConsistOf(
			HaveField("ContainerPort", int32(80)), HaveField("ContainerPort", int32(9090))))
	})
})
