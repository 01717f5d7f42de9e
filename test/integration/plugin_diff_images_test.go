// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
	"github.com/appstack-dev/appstack/test/registry"
)

var _ = Describe("the plugin: diff of images of a registry", Ordered, ContinueOnFailure, func() {
	var hub *registry.Registry

	// push pushes an image whose config sets every field that the operator reads.
	push := func(repository, tag string) (reference, digest string) {
		GinkgoHelper()
		digest, err := hub.Push(ctx, repository, tag, registry.Image(registry.Expose("8080/tcp"),
			registry.Healthcheck([]string{"CMD", "check", tag}), registry.User("1000"),
			registry.StopSignal("SIGQUIT"), registry.Platform("linux/arm64")))
		Expect(err).NotTo(HaveOccurred(), "pushing")
		return hub.Host() + "/" + repository + ":" + tag, digest
	}

	BeforeAll(func() {
		var err error
		hub, err = registry.Start(ctx, registry.Options{})
		Expect(err).NotTo(HaveOccurred(), "starting the registry")
		DeferCleanup(func() error { return hub.Stop() })
		instead(config, operator.Options{Registries: &image.Registries{PlainHTTP: []string{hub.Host()}}, ImageWait: 2 * time.Second})
	})

	DescribeTable("shows what the spec changes, and nothing that the image brought along, of a stack with",
		func(rich ...option) {
			main, _ := push("team/web", "1")
			side, _ := push("team/side", "1")
			created(append([]option{fixture.Image(main), fixture.Bare()}, rich...)...)
			change(func(s *v1alpha1.AppStack) {
				for i := range s.Spec.Components {
					s.Spec.Components[i].Image = side
				}
			})
			before := ready().Status.Revision
			change(fixture.Paused(true), func(s *v1alpha1.AppStack) { s.Spec.WorkingDir = "/changed" })
			predicted := changed(does("diff", app))
			Expect(predicted).To(Equal([]string{"+workingDir: /changed"}))

			By("rolling out the predicted change")
			change(fixture.Paused(false))
			moved(before + 1)
			Expect(changed(does("diff", app, strconv.FormatInt(before, 10)))).To(Equal(predicted))
		},
		Entry("one component"),
		Entry("ports of its own", fixture.Ports(80)),
		Entry("a component of another image", fixture.Component("worker", 1, nil, "work")),
		Entry("images by their tags", func(s *v1alpha1.AppStack) { s.Spec.ImageResolution = v1alpha1.ImageResolutionTag }),
	)

	It("shows that an image changes, though not yet what it brings along", func() {
		first, digest := push("team/web", "1")
		second, _ := push("team/web", "2")
		created(fixture.Image(first), fixture.Bare())
		change(fixture.Paused(true), fixture.Image(second))
		Expect(changed(does("diff", app))).To(ContainElements("-image: "+first+"@"+digest, "+image: "+second))
	})
})
