// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim_test

import (
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/sim"
)

// web returns an image that serves on port 8080. Its digest is a readable word.
func web(digest string) model.Image {
	return model.Image{
		Digest:    "sha256:" + digest,
		Platforms: []model.Platform{{OS: "linux", Architecture: "amd64"}},
		Config: &dockerspec.DockerOCIImageConfig{
			ImageConfig: ocispec.ImageConfig{ExposedPorts: map[string]struct{}{"8080/tcp": {}}},
		},
	}
}

// withRegistry adds a registry with the images my-app:1, my-app:2 and so on.
func (s story) withRegistry() {
	s.Registry = sim.NewRegistry()
	for tag, digest := range map[string]string{"1": "one", "2": "two", "3": "three", "crash": "faulty"} {
		s.Registry.Push("my-app:"+tag, web(digest))
	}
}

// registry logs a change of the registry, and carries it out.
func (s story) registry(line string, change func(*sim.Registry)) {
	s.Say(line)
	change(s.Registry)
}

var _ = DescribeTable("an image's story", tellStory,
	Entry("R7 R21 a tag that moves, a restart that follows it, and a rollback", "moved-tag", func(s story) {
		s.withRegistry()
		s.released()
		s.registry("nothing, but the tag my-app:1 is another image now", func(r *sim.Registry) { r.Push("my-app:1", web("newer")) })
		s.Wait(60)
		s.apply("replicas 4: pods of the same image", Replicas(4))
		s.settle()
		s.apply("restartedAt 13:00", RestartedAt(at))
		s.settle()
		s.apply("rollback: {toRevision: 1}", RollbackTo(1, 0))
		s.settle()
		s.apply("rollback removed: the newest revision of the spec's content", NoRollback())
		s.settle()
	}),
	Entry("R23 a registry hangs during a release and recovers", "registry-hangs", func(s story) {
		s.withRegistry()
		s.released()
		s.registry("image my-app:2, and the registry hangs", (*sim.Registry).Hang)
		s.Apply(With(s.Stack().DeepCopy(), Image("my-app:2")))
		s.settle()
		s.registry("the registry is back: nothing changes", (*sim.Registry).Recover)
		s.Wait(60)
		s.apply("restartedAt 13:00 looks the image up again", RestartedAt(at))
		s.settle()
	}),
	Entry("R23 a registry that recovers in time", "registry-in-time", func(s story) {
		s.withRegistry()
		s.released()
		s.registry("image my-app:2, and the registry fails", func(r *sim.Registry) {
			r.Fail(v1alpha1.ReasonRegistryUnavailable, "the registry answers 503")
		})
		s.Apply(With(s.Stack().DeepCopy(), Image("my-app:2")))
		s.Wait(6)
		s.registry("the registry is back", (*sim.Registry).Recover)
		s.settle()
	}),
	Entry("R23 a release does not wait for a registry that requires credentials", "registry-denies", func(s story) {
		s.withRegistry()
		s.registry("image my-app:1, and the registry wants credentials", func(r *sim.Registry) {
			r.Fail(v1alpha1.ReasonImageUnauthorized, "the registry, asked for my-app:1: it answers 401 Unauthorized")
		})
		s.Apply(Stack("shop"))
		s.settle()
	}),
	Entry("R12 a release fails while the next image is being resolved", "failure-while-looking-up", func(s story) {
		s.withRegistry()
		s.released()
		s.apply("image my-app:crash", Image("my-app:crash"))
		s.Wait(30)
		s.registry("image my-app:3 in its place, and the registry hangs", (*sim.Registry).Hang)
		s.Apply(With(s.Stack().DeepCopy(), Image("my-app:3")))
		s.Wait(8)
		s.registry("the registry is back", (*sim.Registry).Recover)
		s.settle()
	}),
	Entry("R12 the next image resolves to the image that failed", "failure-looked-up-again", func(s story) {
		s.withRegistry()
		s.released()
		s.apply("image my-app:crash", Image("my-app:crash"))
		s.Wait(30)
		s.registry("the same in other words, and the registry hangs", (*sim.Registry).Hang)
		s.Apply(With(s.Stack().DeepCopy(), func(stack *v1alpha1.AppStack) { stack.Spec.Ports[0].Protocol = "TCP" }))
		s.Wait(8)
		s.registry("the registry is back", (*sim.Registry).Recover)
		s.settle()
	}),
	Entry("R1 R28 the running release is maintained while an image is being resolved", "scale-while-looking-up", func(s story) {
		s.withRegistry()
		s.released()
		s.registry("image my-app:2, and the registry hangs", (*sim.Registry).Hang)
		s.Apply(With(s.Stack().DeepCopy(), Image("my-app:2")))
		s.Wait(2)
		s.apply("replicas 5", Replicas(5))
		s.Wait(3)
		s.Kill("shop")
		s.settle()
	}),
	Entry("R4 the spec is reverted before its image is resolved", "taken-back-while-looking-up", func(s story) {
		s.withRegistry()
		s.released()
		s.registry("image my-app:2, and the registry hangs", (*sim.Registry).Hang)
		s.Apply(With(s.Stack().DeepCopy(), Image("my-app:2")))
		s.Wait(5)
		s.apply("image my-app:1 again", Image("my-app:1"))
		s.settle()
	}),
	Entry("R16a no image is resolved during a pause", "pause-before-looking-up", func(s story) {
		s.withRegistry()
		s.released()
		s.registry("paused, image my-app:2, and the registry hangs", (*sim.Registry).Hang)
		s.Apply(With(s.Stack().DeepCopy(), Image("my-app:2"), Paused(true)))
		s.Wait(60)
		Expect(s.LooksUp()).To(BeFalse())
		s.registry("the registry is back, paused removed", (*sim.Registry).Recover)
		s.Apply(With(s.Stack().DeepCopy(), Paused(false)))
		s.settle()
	}),
	Entry("R23 a first release with an unresolved image has no ports until the image is resolved", "first-release-as-written", func(s story) {
		s.withRegistry()
		s.registry("nothing but image my-app:1, and the registry hangs", (*sim.Registry).Hang)
		s.Apply(Stack("shop", Bare(), Replicas(2)))
		s.settle()
		s.registry("the registry is back, restartedAt 13:00", (*sim.Registry).Recover)
		s.Apply(With(s.Stack().DeepCopy(), RestartedAt(at)))
		s.settle()
	}),
	Entry("R22 the ports come from the image, then from another image, and then from the spec", "ports-of-the-image", func(s story) {
		s.withRegistry()
		s.released(Bare(), Replicas(2))
		s.apply("image my-app:2, and a worker", Image("my-app:2"), worker(1))
		s.settle()
		s.apply("ports: []", func(stack *v1alpha1.AppStack) { stack.Spec.Ports = []v1alpha1.Port{} })
		s.settle()
	}),
)

// Users pause a stack to stop a bad release. If the spec has the next image when the
// pause ends, the operator must not continue with that release.
var _ = It("R16a the end of a pause does not continue a superseded release while the next image is being resolved", func() {
	s := story{sim.New()}
	s.withRegistry()
	s.released()
	s.apply("image my-app:2", Image("my-app:2"))
	s.Wait(2)
	s.apply("paused", Paused(true))
	s.Wait(10)
	before := s.State().Deployment("main").Status.UpdatedReplicas
	Expect(before).To(BeNumerically("<", 3), "the pause must stop the rollout in the middle")
	s.registry("image my-app:3, paused removed, and the registry hangs", (*sim.Registry).Hang)
	s.Apply(With(s.Stack().DeepCopy(), Image("my-app:3"), Paused(false)))
	s.Wait(5)
	Expect(s.Stack().Status.Revision).To(Equal(int64(2)), "a new revision must wait for the image")
	Expect(s.State().Deployment("main").Status.UpdatedReplicas).To(Equal(before), "more pods of the paused release:\n%s", s.Transcript())
})

// A stack whose ports come from its image keeps them, even if the registry fails while
// the next revision is created.
var _ = DescribeTable("R9 R23 R24 a failing registry removes no Service, port or probe", func(changes ...Option) {
	s := story{sim.New()}
	s.withRegistry()
	s.released(Bare(), Replicas(2))
	before := s.State()
	Expect(before.Children.Service("shop")).NotTo(BeNil())
	s.Wait(60) // the image resolved for the last release has expired
	s.registry("a change, and the registry hangs", (*sim.Registry).Hang)
	s.Apply(With(s.Stack().DeepCopy(), changes...))
	s.settle()
	after := s.State()
	Expect(after.Children.Service("shop")).NotTo(BeNil(), "the Service is deleted:\n%s", s.Transcript())
	app := func(state model.State) model.Component {
		return model.Component{Template: state.Deployment("main").Spec.Template}
	}
	Expect(app(after).App().Ports).To(Equal(app(before).App().Ports))
	Expect(app(after).App().ReadinessProbe).To(Equal(app(before).App().ReadinessProbe))
},
	Entry("with another tag of the image", Image("my-app:2")),
	Entry("with the same tag and another variable", Env("MODE", "fast")),
	Entry("with a restart", RestartedAt(at)),
)

// The ports come from the last good revision, and not from the failed one.
var _ = It("R12 R23 a failing registry after a rollback removes no port", func() {
	s := story{sim.New()}
	s.withRegistry()
	faulty := web("faulty")
	faulty.Config.ExposedPorts = map[string]struct{}{"9090/tcp": {}}
	s.Registry.Push("my-app:crash", faulty)
	s.released(Bare(), Replicas(2))
	s.apply("image my-app:crash", Image("my-app:crash"))
	s.settle()
	asBefore := ConsistOf(HaveField("Port", int32(8080)))
	Expect(s.State().Children.Service("shop").Spec.Ports).To(asBefore, "the rollback must restore the port")
	s.registry("image my-app:3, and the registry hangs", (*sim.Registry).Hang)
	s.Apply(With(s.Stack().DeepCopy(), Image("my-app:3")))
	s.settle()
	Expect(s.State().Children.Service("shop").Spec.Ports).To(asBefore, "the port must stay:\n%s", s.Transcript())
})
