// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
	"github.com/appstack-dev/appstack/test/registry"
)

var _ = Describe("Images", Ordered, ContinueOnFailure, func() {
	var hub *registry.Registry

	// push puts an image into the registry, and returns the reference to its tag and its digest.
	push := func(repository, tag string, options ...registry.ImageOption) (reference, digest string) {
		GinkgoHelper()
		digest, err := hub.Push(ctx, repository, tag, registry.Image(options...))
		Expect(err).NotTo(HaveOccurred(), "pushing")
		return hub.Host() + "/" + repository + ":" + tag, digest
	}
	// bare makes a stack whose spec sets only the image.
	bare := func(image string) option {
		return func(s *v1alpha1.AppStack) { s.Spec = v1alpha1.AppStackSpec{Image: image} }
	}
	values := func(stack *v1alpha1.AppStack, component int) map[string]string {
		all := map[string]string{}
		for _, value := range stack.Status.Components[component].ImageValues {
			all[value.Name] = string(value.Source) + ": " + value.Value
		}
		return all
	}

	BeforeAll(func() {
		var err error
		hub, err = registry.Start(ctx, registry.Options{})
		Expect(err).NotTo(HaveOccurred(), "starting the registry")
		DeferCleanup(func() error { return hub.Stop() })
		instead(config, operator.Options{
			Registries: &image.Registries{PlainHTTP: []string{hub.Host()}},
			ImageWait:  2 * time.Second,
		})
	})
	BeforeEach(func() {
		DeferCleanup(func() error { return hub.Recover() })
	})

	It("R21 R22 makes all of one line: Deployment, Service with the port, readiness probe, and a worker that has neither", func() {
		reference, digest := push("team/web", "1",
			registry.Expose("8080/tcp"), registry.Healthcheck([]string{"CMD-SHELL", "curl -f http://localhost:8080/"}),
			registry.User("1000"), registry.StopSignal("SIGQUIT"), registry.Platform("linux/arm64"))
		create(bare(reference), fixture.Component("worker", 1, nil, "work"))
		stack := ready()

		main := deployment(app).Spec.Template.Spec
		Expect(main.Containers[0].Image).To(Equal(reference + "@" + digest))
		Expect(main.Containers[0].ImagePullPolicy).To(Equal(corev1.PullIfNotPresent))
		Expect(main.Containers[0].Ports).To(HaveExactElements(
			corev1.ContainerPort{Name: "port-8080", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}))
		Expect(main.Containers[0].ReadinessProbe.Exec.Command).To(Equal([]string{"/bin/sh", "-c", "curl -f http://localhost:8080/"}))
		Expect(main.Containers[0].SecurityContext.RunAsNonRoot).To(HaveValue(BeTrue()))
		Expect(main.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms).To(HaveLen(1))
		Expect(service(app).Spec.Ports).To(HaveExactElements(HaveField("Port", int32(8080))))

		work := deployment(worker).Spec.Template.Spec
		Expect(work.Containers[0].Image).To(Equal(reference + "@" + digest))
		Expect(work.Containers[0].Ports).To(BeEmpty())
		Expect(work.Containers[0].ReadinessProbe).To(BeNil())
		Expect(gone(&corev1.Service{}, worker)()).To(BeTrue(), "the worker has no Service")

		Expect(stack).To(haveCondition(v1alpha1.ConditionImagesResolved, metav1.ConditionTrue, v1alpha1.ReasonImagesPinned))
		Expect(stack.Status.Image).To(Equal(reference), "without the digest, for readability")
		Expect(stack.Status.Components[0].Image).To(Equal(reference + "@" + digest))
		Expect(values(stack, 0)).To(Equal(map[string]string{
			"ports":          "Image: 8080/TCP",
			"readinessProbe": "Image: exec /bin/sh -c curl -f http://localhost:8080/",
			"user":           "Image: 1000",
			"platforms":      "Image: linux/arm64",
			"stopSignal":     "Image: SIGQUIT",
		}))
		Expect(values(stack, 1)).To(Equal(map[string]string{
			"user": "Image: 1000", "platforms": "Image: linux/arm64", "stopSignal": "Image: SIGQUIT",
		}))
		Expect(stack.Status.History[0].Images[0]).To(Equal(
			v1alpha1.ImageStatus{Component: naming.Main, Image: reference + "@" + digest, Pinned: true}))
	})

	It("R22 what the spec says wins", func() {
		reference, _ := push("team/web", "spec", registry.Expose("8080/tcp", "9090/tcp"),
			registry.Healthcheck([]string{"CMD", "check"}), registry.User("1000"))
		stack := created(bare(reference), fixture.Ports(80), fixture.PodTemplate(`{"spec":{"containers":[{"name":"app",
			"securityContext":{"runAsUser":0}}]}}`), func(s *v1alpha1.AppStack) {
			s.Spec.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
				Exec: &corev1.ExecAction{Command: []string{"mine"}},
			}}
		})
		container := deployment(app).Spec.Template.Spec.Containers[0]
		Expect(container.Ports).To(HaveExactElements(HaveField("ContainerPort", int32(80))))
		Expect(container.ReadinessProbe.Exec.Command).To(HaveExactElements("mine"))
		Expect(container.SecurityContext.RunAsNonRoot).To(BeNil())
		Expect(values(stack, 0)).To(Equal(map[string]string{
			"ports": "Spec: 80/TCP", "readinessProbe": "Spec: exec mine", "user": "Spec: 0", "platforms": "Image: linux/amd64",
		}))
	})

	It("R22 an empty list of ports is none, and taking it away brings the image's", func() {
		reference, _ := push("team/web", "none", registry.Expose("8080/tcp"))
		created(bare(reference), func(s *v1alpha1.AppStack) { s.Spec.Ports = []v1alpha1.Port{} })
		Expect(gone(&corev1.Service{}, app)()).To(BeTrue())
		change(func(s *v1alpha1.AppStack) { s.Spec.Ports = nil })
		moved(2)
		Expect(service(app).Spec.Ports).To(HaveExactElements(HaveField("Port", int32(8080))))
	})

	It("R21 a tag that moved changes nothing that runs; a restart gets it, and the way back the bytes from before", func() {
		reference, first := push("team/moving", "1", registry.Marker("first"))
		created(bare(reference))
		_, second := push("team/moving", "1", registry.Marker("second"))
		Expect(second).NotTo(Equal(first))
		touch()
		change(fixture.Replicas(2))
		ready()
		Expect(numbers()).To(Equal([]int64{1}))
		Expect(deployment(app).Spec.Template.Spec.Containers[0].Image).To(HaveSuffix(first))

		change(fixture.RestartedAt(time.Now()))
		Expect(ready().Status.Revision).To(Equal(int64(2)))
		Expect(deployment(app).Spec.Template.Spec.Containers[0].Image).To(Equal(reference + "@" + second))

		change(fixture.RollbackTo(1, 2))
		stack := ready()
		Expect(deployment(app).Spec.Template.Spec.Containers[0].Image).To(Equal(reference + "@" + first))
		Expect([]string{stack.Status.History[0].Images[0].Image, stack.Status.History[1].Images[0].Image}).To(Equal(
			[]string{reference + "@" + first, reference + "@" + second}))
	})

	It("R21 pins init containers and sidecars too, and leaves alone what is on the nodes already", func() {
		reference, digest := push("team/side", "1")
		created(bare(reference), fixture.PodTemplate(`{"spec":{
			"initContainers":[{"name":"migrate","image":"`+reference+`"}],
			"containers":[{"name":"app"},{"name":"loaded","image":"`+reference+`","imagePullPolicy":"Never"}]}}`))
		pod := deployment(app).Spec.Template.Spec
		Expect(pod.InitContainers[0].Image).To(Equal(reference + "@" + digest))
		Expect(pod.Containers).To(ContainElement(And(HaveField("Name", "loaded"), HaveField("Image", reference))))
	})

	DescribeTable("R21 asks no registry",
		func(edit option) {
			reference, _ := push("team/quiet", "1", registry.Expose("8080/tcp"))
			hub.Reset()
			stack := created(bare(reference), edit)
			Expect(deployment(app).Spec.Template.Spec.Containers[0].Image).To(Equal(reference))
			Expect(stack).NotTo(haveType(v1alpha1.ConditionImagesResolved))
			Expect(hub.Requests()).To(BeEmpty())
		},
		Entry("with imageResolution: Tag", func(s *v1alpha1.AppStack) { s.Spec.ImageResolution = v1alpha1.ImageResolutionTag }),
		Entry("with imagePullPolicy: Never", func(s *v1alpha1.AppStack) { s.Spec.ImagePullPolicy = corev1.PullNever }),
	)

	It("R23 releases with the tag while the registry hangs, says why, and changes nothing when it comes back", func() {
		reference, _ := push("team/hang", "1", registry.Expose("8080/tcp"))
		hub.Fault(func(registry.Request) registry.Fault { return registry.Hang() })
		create(bare(reference))
		Eventually(func(g Gomega) {
			g.Expect(observed(g)).To(haveCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonProgressing))
			g.Expect(condition(current(), v1alpha1.ConditionReady).Message).To(Equal(reference + " is being resolved in its registry"))
		}).Should(Succeed())
		stack := ready()
		Expect(deployment(app).Spec.Template.Spec.Containers[0].Image).To(Equal(reference))
		Expect(stack).To(haveCondition(v1alpha1.ConditionImagesResolved, metav1.ConditionFalse, v1alpha1.ReasonRegistryUnavailable))
		Expect(condition(stack, v1alpha1.ConditionImagesResolved).Message).To(
			ContainSubstring("component main: " + hub.Host()))
		Expect(stack.Status.History[0].Images[0].Pinned).To(BeFalse())
		expectEvent(stack, corev1.EventTypeWarning, v1alpha1.EventImagesUnresolved,
			"revision 1, component main: an image runs as written: "+hub.Host())

		Expect(hub.Recover()).To(Succeed())
		before := deployment(app).Generation
		touch()
		Consistently(func() int64 { return deployment(app).Generation }).Should(Equal(before))
		Expect(numbers()).To(Equal([]int64{1}))
		Expect(gone(&corev1.Service{}, app)()).To(BeTrue())
	})

	It("R23 keeps up what runs while it waits for the next revision's image", func() {
		reference, _ := push("team/wait", "1")
		created(bare(reference), fixture.Replicas(1))
		hub.Fault(func(registry.Request) registry.Fault { return registry.Hang() })
		change(fixture.Image(reference+"0"), fixture.Replicas(4))
		Eventually(func() *int32 { return deployment(app).Spec.Replicas }).WithTimeout(time.Second).Should(HaveValue(Equal(int32(4))))
		Expect(numbers()).To(Equal([]int64{1}), "the release waits for the image")
		moved(2)
	})
})
