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
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("what a revision adds and drops", func() {
	It("R9 is there from the start of the rollout where it is new", func() {
		created(fixture.Ports())
		Expect(gone(&corev1.Service{}, app)()).To(BeTrue())
		change(fixture.Ports(80), fixture.Component("worker", 2, nil, "work"))
		moved(2)
		Eventually(func(g Gomega) {
			find(g, &corev1.Service{}, app)
			find(g, &appsv1.Deployment{}, worker)
			find(g, &policyv1.PodDisruptionBudget{}, worker)
		}).Should(Succeed())
		Expect(current()).To(haveType(v1alpha1.ConditionReconciling))
	})

	It("R9 stays until the rollout has succeeded where a component is dropped", func() {
		created(fixture.Component("worker", 0, func(c *v1alpha1.Component) {
			c.Replicas = nil
			c.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 3}
			c.Ports = []v1alpha1.Port{{ContainerPort: 81}}
		}))
		dropped := []client.Object{
			&appsv1.Deployment{}, &corev1.Service{}, &autoscalingv2.HorizontalPodAutoscaler{}, &policyv1.PodDisruptionBudget{},
		}
		for _, object := range dropped {
			find(Default, object, worker)
		}
		template := bytesOf(deployment(worker).Spec.Template)

		change(fixture.WithoutComponents(), fixture.Image("my-app:2"))
		moved(2)
		Consistently(func(g Gomega) {
			for _, object := range dropped {
				g.Expect(find(g, object, worker).GetDeletionTimestamp()).To(BeNil())
			}
		}).Should(Succeed())
		Expect(bytesOf(deployment(worker).Spec.Template)).To(Equal(template), "the pod template is unchanged")

		ready()
		for _, object := range dropped {
			Eventually(gone(object, worker)).Should(BeTrue())
		}
		Expect(ready().Status.Components).To(HaveLen(1))
	})

	It("R9 keeps a Service until the rollout that drops all its ports has succeeded", func() {
		created()
		change(fixture.Ports())
		moved(2)
		Consistently(gone(&corev1.Service{}, app)).Should(BeFalse())
		Expect(service(app).Spec.Ports).To(HaveLen(1))
		ready()
		Eventually(gone(&corev1.Service{}, app)).Should(BeTrue())
	})

	It("R9 serves a dropped port beside the new one until the rollout has succeeded", func() {
		created(ports(v1alpha1.Port{Name: "http", ContainerPort: 80}, v1alpha1.Port{Name: "admin", ContainerPort: 90}))
		change(ports(v1alpha1.Port{Name: "http", ContainerPort: 80}, v1alpha1.Port{Name: "grpc", ContainerPort: 70}))
		moved(2)
		Eventually(portNames(app)).Should(ConsistOf("http", "admin", "grpc"))
		Consistently(portNames(app)).Should(ConsistOf("http", "admin", "grpc"))
		ready()
		Eventually(portNames(app)).Should(ConsistOf("http", "grpc"))
	})

	It("R9 sends to ports by name, given or by the number on the Service, so that a changed number serves old and new pods", func() {
		created(ports(
			v1alpha1.Port{ContainerPort: 8080, ServicePort: ptr.To[int32](80)},
			v1alpha1.Port{Name: "dns", ContainerPort: 53, Protocol: corev1.ProtocolUDP, AppProtocol: "example.com/dns"},
			v1alpha1.Port{ContainerPort: 53},
		))
		expected := [][2]string{{"port-80", "port-80"}, {"dns", "dns"}, {"port-53", "port-53"}}
		var names [][2]string
		for _, port := range service(app).Spec.Ports {
			names = append(names, [2]string{port.Name, port.TargetPort.StrVal})
		}
		Expect(names).To(Equal(expected))
		Expect(service(app).Spec.Ports[1].AppProtocol).To(HaveValue(Equal("example.com/dns")))

		change(func(s *v1alpha1.AppStack) { s.Spec.Ports[0].ContainerPort = 9090 })
		moved(2)
		Expect(service(app).Spec.Ports[0]).To(And(
			HaveField("Port", int32(80)), HaveField("TargetPort.StrVal", "port-80")))
		Expect(deployment(app).Spec.Template.Spec.Containers[0].Ports[0]).To(And(
			HaveField("ContainerPort", int32(9090)), HaveField("Name", "port-80")))
		ready()
	})

	It("R9 renames a port", func() {
		created(ports(v1alpha1.Port{Name: "web", ContainerPort: 80}))
		stack := released(ports(v1alpha1.Port{Name: "http", ContainerPort: 80}))
		Expect(portNames(app)()).To(ConsistOf("http"))
		Expect(stack.Status.Revision).To(Equal(int64(2)))
	})

	It("R9 swaps the numbers of two ports", func() {
		swap := func(http, admin int32) option {
			return ports(v1alpha1.Port{Name: "http", ContainerPort: http}, v1alpha1.Port{Name: "admin", ContainerPort: admin})
		}
		created(swap(80, 90))
		released(swap(90, 80))
		Expect(service(app).Spec.Ports).To(ConsistOf(
			And(HaveField("Name", "http"), HaveField("Port", int32(90))),
			And(HaveField("Name", "admin"), HaveField("Port", int32(80)))))
	})

	It("exposes the Service as the spec says, and back", func() {
		created(func(s *v1alpha1.AppStack) {
			s.Spec.Service = &v1alpha1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Annotations: map[string]string{"example.com/a": "b"}}
		})
		Expect(service(app).Spec.Type).To(Equal(corev1.ServiceTypeNodePort))
		Expect(service(app).Annotations).To(HaveKeyWithValue("example.com/a", "b"))

		released(func(s *v1alpha1.AppStack) { s.Spec.Service = nil })
		Eventually(func(g Gomega) {
			g.Expect(service(app).Spec.Type).To(Equal(corev1.ServiceTypeClusterIP))
			g.Expect(service(app).Spec.Ports[0].NodePort).To(BeZero())
			g.Expect(service(app).Annotations).NotTo(HaveKey("example.com/a"))
		}).Should(Succeed())
	})

	It("R20 shows the load balancer's address once there is one", func() {
		stack := created(func(s *v1alpha1.AppStack) {
			s.Spec.Service = &v1alpha1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, LoadBalancerClass: "example.com/lb"}
		})
		Expect(stack.Status.Address).To(Equal("my-app." + namespace + ".svc:80"))
		live := service(app)
		Expect(live.Spec.LoadBalancerClass).To(HaveValue(Equal("example.com/lb")))
		live.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "lb.example.com"}}
		Expect(k8s.Status().Update(ctx, live)).To(Succeed())
		Eventually(func() string { return current().Status.Address }).Should(Equal("lb.example.com:80"))
	})
})

// portNames returns the names of a Service's ports.
func portNames(name string) func() []string {
	return func() []string {
		var names []string
		for _, port := range service(name).Spec.Ports {
			names = append(names, port.Name)
		}
		return names
	}
}
