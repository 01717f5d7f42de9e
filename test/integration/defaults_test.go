// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
)

var _ = Describe("what the operator adds by itself", func() {
	It("R24 loses no request during an update", func() {
		created()
		live := deployment(app).Spec
		Expect(live.Strategy.RollingUpdate.MaxUnavailable).To(HaveValue(Equal(intstr.FromInt32(0))))
		Expect(live.Strategy.RollingUpdate.MaxSurge).To(HaveValue(Equal(intstr.FromString("25%"))))
		Expect(live.MinReadySeconds).To(BeZero())
		Expect(live.ProgressDeadlineSeconds).To(HaveValue(Equal(int32(600))))
		Expect(live.Template.Spec.TerminationGracePeriodSeconds).To(HaveValue(Equal(int64(35))))
		container := live.Template.Spec.Containers[0]
		Expect(container.Lifecycle.PreStop.Sleep.Seconds).To(Equal(int64(5)))
		Expect(container.ReadinessProbe.TCPSocket.Port).To(Equal(intstr.FromString("port-80")))
		Expect(container.LivenessProbe).To(BeNil())
		Expect(container.StartupProbe).To(BeNil())
		Expect(container.TerminationMessagePolicy).To(Equal(corev1.TerminationMessageFallbackToLogsOnError))
	})

	DescribeTable("R24 lets a component without a readiness probe prove itself for a while",
		func(by option, seconds int) {
			created(by)
			Expect(deployment(app).Spec.MinReadySeconds).To(Equal(int32(seconds)))
		},
		Entry("no port", fixture.Ports(), 10),
		Entry("no TCP port", ports(v1alpha1.Port{ContainerPort: 53, Protocol: corev1.ProtocolUDP}), 10),
		Entry("no port, and a deadline that is shorter", func(s *v1alpha1.AppStack) {
			s.Spec.Ports = nil
			s.Spec.Rollout = &v1alpha1.RolloutPolicy{ProgressDeadlineSeconds: ptr.To[int32](5)}
		}, 4),
		Entry("no port, and a number of the user's", func(s *v1alpha1.AppStack) {
			s.Spec.Ports = nil
			s.Spec.Rollout = &v1alpha1.RolloutPolicy{MinReadySeconds: ptr.To[int32](3)}
		}, 3),
		Entry("a probe of its own", func(s *v1alpha1.AppStack) {
			s.Spec.Ports = nil
			s.Spec.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}}
		}, 0),
	)

	It("R24 holds a worker without ports up by nothing", func() {
		created(fixture.Component("worker", 1, nil, "work"))
		spec := deployment(worker).Spec.Template.Spec
		Expect(spec.Containers[0].Lifecycle).To(BeNil())
		Expect(spec.Containers[0].ReadinessProbe).To(BeNil())
		Expect(spec.TerminationGracePeriodSeconds).To(HaveValue(Equal(int64(30))))
		Expect(spec.Containers[0].Image).To(Equal("my-app:1"), "the image of the main component")
	})

	It("R25 runs pods with as few rights as they need, spread over nodes", func() {
		created()
		spec := deployment(app).Spec.Template.Spec
		Expect(spec.SecurityContext.SeccompProfile.Type).To(Equal(corev1.SeccompProfileTypeRuntimeDefault))
		Expect(spec.Containers[0].SecurityContext.AllowPrivilegeEscalation).To(HaveValue(BeFalse()))
		Expect(spec.AutomountServiceAccountToken).To(HaveValue(BeFalse()))
		Expect(spec.EnableServiceLinks).To(HaveValue(BeFalse()))
		Expect(spec.TopologySpreadConstraints).To(ConsistOf(And(
			HaveField("TopologyKey", corev1.LabelHostname),
			HaveField("WhenUnsatisfiable", corev1.ScheduleAnyway),
			HaveField("LabelSelector.MatchLabels", deployment(app).Spec.Selector.MatchLabels))))
	})

	It("R25 gives a token for the API to pods of a named service account only", func() {
		created(func(s *v1alpha1.AppStack) { s.Spec.ServiceAccountName = "app" })
		spec := deployment(app).Spec.Template.Spec
		Expect(spec.ServiceAccountName).To(Equal("app"))
		Expect(spec.AutomountServiceAccountToken).To(BeNil())
	})
})

var _ = Describe("another version of the operator", func() {
	It("R2 changes no pod of a stack whose spec did not change, and renders new content its own way", func() {
		created(fixture.Component("worker", 1, nil, "work"))
		released(fixture.Image("my-app:2"))
		before, versions := templatesOf(owned()), versionsOf(owned())

		instead(config, operator.Options{Defaults: render.Defaults{PreStopSeconds: 17, TerminationGraceSeconds: 40}})
		touch()
		ready()
		Consistently(func() map[string]string { return versionsOf(owned()) }).Should(Equal(versions), "nothing is written")

		By("scaling")
		stack := released(fixture.Replicas(5))
		Expect(templatesOf(owned())).To(Equal(before))
		Expect(numbers()).To(Equal([]int64{1, 2}))
		Expect(stack.Status.History).To(HaveLen(2))

		By("rolling back to what the earlier version rendered")
		released(fixture.RollbackTo(1, 0))
		Expect(deployment(app).Spec.Template.Spec.Containers[0].Lifecycle.PreStop.Sleep.Seconds).To(Equal(int64(5)))
		released(fixture.NoRollback())
		Expect(templatesOf(owned())).To(Equal(before))

		By("new content")
		released(fixture.Image("my-app:3"))
		spec := deployment(app).Spec.Template.Spec
		Expect(spec.Containers[0].Lifecycle.PreStop.Sleep.Seconds).To(Equal(int64(17)))
		Expect(spec.TerminationGracePeriodSeconds).To(HaveValue(Equal(int64(57))))
	})
})
