// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/fixture"
)

// sendsTo returns the ports of the Service, as "name port to targetPort".
func sendsTo() []string {
	var all []string
	for _, port := range service(app).Spec.Ports {
		all = append(all, fmt.Sprintf("%s %d to %s", port.Name, port.Port, port.TargetPort.String()))
	}
	return all
}

var _ = Describe("a port that changes", func() {
	named := func(name string, number int32) v1alpha1.Port {
		return v1alpha1.Port{Name: name, ContainerPort: number, ServicePort: ptr.To[int32](80)}
	}

	It("R9 R24 serves old and new pods while it is renamed, and after a rollback", func() {
		created(fixture.Ports(80))
		Expect(sendsTo()).To(ConsistOf("port-80 80 to port-80"))
		change(ports(named("http", 80)), fixture.Image("my-app:2"))
		moved(2)
		Eventually(sendsTo).Should(ConsistOf("port-80 80 to 80"))
		report(app, pods{total: 4, updated: 1, ready: 4, available: 4})
		Consistently(sendsTo).WithTimeout(time.Second).Should(ConsistOf("port-80 80 to 80"))

		By("rolling back")
		fails(podOf(replicaSetOf(deployment(app))))
		healed()
		Eventually(sendsTo).Should(ConsistOf("port-80 80 to port-80"))

		By("succeeding with the next release")
		released(fixture.Image("my-app:3"))
		Eventually(sendsTo).Should(ConsistOf("http 80 to http"))
	})

	It("R4 is tried as it will be served, and where that is refused nothing is written, and there is a way back", func() {
		speaks := func(protocol string) option {
			return ports(v1alpha1.Port{Name: "http", ContainerPort: 80, AppProtocol: protocol})
		}
		created(speaks("http"))
		before := deployment(app)
		change(speaks("/h2c"))
		stalled(v1alpha1.ReasonRejected, "spec.ports[0].appProtocol: Invalid value")
		Consistently(func() string { return deployment(app).ResourceVersion }).WithTimeout(time.Second).
			Should(Equal(before.ResourceVersion))
		Expect(numbers()).To(Equal([]int64{1}))
		stack := released(speaks("http"))
		Expect(rollouts(stack)).To(Equal([]string{"1 SpecChanged Succeeded"}))
		released(speaks("kubernetes.io/h2c"))
		Eventually(func() *string { return service(app).Spec.Ports[0].AppProtocol }).Should(HaveValue(Equal("kubernetes.io/h2c")))
	})

	It("R9 R24 keeps its name where another is inserted before it", func() {
		created(fixture.Ports(80))
		change(fixture.Ports(9090, 80), fixture.Image("my-app:2"))
		moved(2)
		Eventually(sendsTo).Should(ConsistOf("port-80 80 to port-80", "port-9090 9090 to port-9090"))
		Expect(deployment(app).Spec.Template.Spec.Containers[0].Ports).To(HaveExactElements(
			HaveField("Name", "port-9090"), HaveField("Name", "port-80")))
		ready()
	})

	It("R9 moves with the pods where both its names and its numbers differ, and back with them", func() {
		created(ports(named("http", 8080)))
		change(ports(named("web", 9090)), fixture.Image("my-app:2"))
		moved(2)
		Consistently(sendsTo).WithTimeout(time.Second).Should(ConsistOf("http 80 to http"))
		report(app, pods{total: 4, updated: 1, ready: 4, available: 4})
		Consistently(sendsTo).WithTimeout(time.Second).Should(ConsistOf("http 80 to http"))
		report(app, pods{total: 4, updated: 2, ready: 4, available: 4})
		Eventually(sendsTo).Should(ConsistOf("http 80 to web"))

		By("rolling back by hand")
		change(fixture.RollbackTo(1, 2))
		moved(1)
		Consistently(sendsTo).WithTimeout(time.Second).Should(ConsistOf("http 80 to web"), "the Deployment's status has not changed yet")
		report(app, pods{total: 4, updated: 1, ready: 4, available: 4})
		Consistently(sendsTo).WithTimeout(time.Second).Should(ConsistOf("http 80 to web"))
		report(app, pods{total: 4, updated: 2, ready: 4, available: 4})
		Eventually(sendsTo).Should(ConsistOf("http 80 to http"))
		ready()
		Expect(sendsTo()).To(ConsistOf("http 80 to http"))
	})

	It("R9 is put back where someone changes its target during a rollout", func() {
		created(fixture.Ports(80))
		change(ports(named("http", 80)), fixture.Image("my-app:2"))
		moved(2)
		Eventually(sendsTo).Should(ConsistOf("port-80 80 to 80"))
		edit(service(app), func(s *corev1.Service) { s.Spec.Ports[0].TargetPort.IntVal = 81 })
		Eventually(sendsTo).Should(ConsistOf("port-80 80 to 80"))
		ready()
		Eventually(sendsTo).Should(ConsistOf("http 80 to http"))
	})

	It("R9 is another one where podTemplate has its number of another protocol", func() {
		created(ports(v1alpha1.Port{Name: "dns", ContainerPort: 53}), fixture.PodTemplate(
			`{"spec":{"containers":[{"name":"app","ports":[{"name":"dns-udp","containerPort":53,"protocol":"UDP"}]}]}}`))
		container := deployment(app).Spec.Template.Spec.Containers[0]
		Expect(container.Ports).To(ConsistOf(
			corev1.ContainerPort{Name: "dns", ContainerPort: 53, Protocol: corev1.ProtocolTCP},
			corev1.ContainerPort{Name: "dns-udp", ContainerPort: 53, Protocol: corev1.ProtocolUDP}))
		Expect(container.ReadinessProbe.TCPSocket.Port.String()).To(Equal("dns"))
		Expect(sendsTo()).To(ConsistOf("dns 53 to dns"))
	})

	It("R30 is missed where a probe names one that the container does not have", func() {
		created()
		change(fixture.Image("my-app:2"), func(s *v1alpha1.AppStack) {
			s.Spec.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
				Path: "/", Port: intstr.FromString("port-0"),
			}}}
		})
		stalled(v1alpha1.ReasonInvalidPodTemplate,
			`container "app": readinessProbe.httpGet.port names the port "port-0"`, "name one of port-80, or a number")
		Expect(current()).To(haveCondition(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonPodsAvailable))
		Expect(deployment(app).Annotations).To(HaveKeyWithValue(naming.AnnotationRevision, "1"))
	})
})
