// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim_test

import (
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/golden"
	"github.com/appstack-dev/appstack/test/sim"
)

func TestSimulation(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Simulation")
}

// at is a time after the start of the stories.
var at = time.Date(2026, 1, 1, 13, 0, 0, 0, time.UTC)

// worker is a component that runs the main image.
func worker(replicas int32) Option { return Component("worker", replicas, nil, "work") }

// story is a sequence of events in a simulated world.
type story struct{ *sim.World }

func (s story) apply(line string, options ...Option) {
	stack := s.Stack()
	if stack == nil {
		stack = Stack("shop")
	}
	s.Say(line)
	s.Apply(With(stack.DeepCopy(), options...))
}

// settle waits until nothing changes anymore, and fails if that does not happen.
func (s story) settle() {
	s.Settle(700)
	Expect(s.AtRest()).To(BeTrue(), "it does not settle:\n%s", s.Transcript())
	Expect(s.LooksUp()).To(BeFalse(), "R21 an image that nothing needs is being resolved:\n%s", s.Transcript())
}

// tellStory runs a story, and compares its transcript with the golden file.
func tellStory(name string, tell func(story)) {
	world := sim.New()
	tell(story{world})
	world.TellHistory()
	Expect(world.Violations()).To(BeEmpty())
	golden.Compare(GinkgoTB(), filepath.Join("testdata", name+".txt"), world.Transcript())
}

var _ = DescribeTable("a stack's story", tellStory,
	Entry("R5 create, update and scale", "update", func(s story) {
		s.apply("kubectl apply: image my-app:1, 3 replicas")
		s.settle()
		s.apply("image my-app:2", Image("my-app:2"))
		s.settle()
		s.apply("replicas 5", Replicas(5))
		s.settle()
	}),
	Entry("R7 R10 a rollback to 1, and then new content", "rollback", func(s story) {
		s.apply("image my-app:1")
		s.settle()
		s.apply("image my-app:2", Image("my-app:2"))
		s.settle()
		s.apply("rollback: {toRevision: 1, fromRevision: 2}", RollbackTo(1, 2))
		s.settle()
		s.apply("image my-app:3, rollback left as it is", Image("my-app:3"))
		s.settle()
		s.apply("image my-app:2 again: the rollback engages again", Image("my-app:2"))
		s.settle()
	}),
	Entry("R10 without fromRevision new content waits", "rollback-holds", func(s story) {
		s.apply("image my-app:1")
		s.settle()
		s.apply("image my-app:2", Image("my-app:2"))
		s.settle()
		s.apply("rollback: {toRevision: 1}", RollbackTo(1, 0))
		s.settle()
		s.apply("image my-app:3: waits", Image("my-app:3"))
		s.settle()
		s.apply("rollback removed", NoRollback())
		s.settle()
	}),
	Entry("R5 an update supersedes another", "rollover", func(s story) {
		s.apply("image my-app:1")
		s.settle()
		s.apply("image my-app:unready: its pods never become ready", Image("my-app:unready"))
		s.Settle(5)
		s.apply("image my-app:2", Image("my-app:2"))
		s.settle()
	}),
	Entry("R9 R16 a component and a port are removed and restored", "components", func(s story) {
		s.apply("web with ports 80 and 81, worker with 2 replicas", Ports(80, 81), worker(2))
		s.settle()
		s.apply("worker and port 81 dropped, image my-app:2", Ports(80), WithoutComponents(), Image("my-app:2"))
		s.settle()
		s.apply("rollback: {toRevision: 1}", RollbackTo(1, 0))
		s.settle()
	}),
	Entry("R15 a rollback to a revision that does not exist", "revision-not-found", func(s story) {
		s.apply("image my-app:1")
		s.settle()
		s.apply("rollback: {toRevision: 7}", RollbackTo(7, 0))
		s.settle()
		s.apply("rollback removed", NoRollback())
		s.settle()
	}),
	Entry("R16a pause, and a restart", "pause-and-restart", func(s story) {
		s.apply("image my-app:1")
		s.settle()
		s.apply("paused, image my-app:2, replicas 4", Paused(true), Image("my-app:2"), Replicas(4))
		s.settle()
		s.apply("paused removed", Paused(false))
		s.settle()
		s.apply("restartedAt 13:00", RestartedAt(at))
		s.settle()
		s.apply("restartedAt 12:30: earlier, so nothing happens", RestartedAt(at.Add(-30*time.Minute)))
		s.settle()
	}),
	Entry("R8 no more revisions than the limit", "pruning", func(s story) {
		s.apply("keep 2 revisions", HistoryLimit(2))
		s.settle()
		for _, image := range []string{"my-app:2", "my-app:3", "my-app:4"} {
			s.apply("image "+image, Image(image))
			s.settle()
		}
		s.apply("image my-app:1: its revision is gone, so it is a new one", Image("my-app:1"))
		s.settle()
	}),
	Entry("R28 an autoscaler takes over the replicas", "autoscaling", func(s story) {
		s.apply("3 replicas")
		s.settle()
		s.apply("autoscaling 2 to 6 in place of replicas", Unmanaged(), func(stack *v1alpha1.AppStack) {
			least := int32(2)
			stack.Spec.Autoscaling = &v1alpha1.Autoscaling{MinReplicas: &least, MaxReplicas: 6}
		})
		s.settle()
		s.apply("neither", func(stack *v1alpha1.AppStack) { stack.Spec.Autoscaling = nil })
		s.settle()
	}),
	Entry("R4 a podTemplate with an unknown field", "invalid-pod-template", func(s story) {
		s.apply("image my-app:1")
		s.settle()
		s.apply("podTemplate with a typing error", Image("my-app:2"), PodTemplate(`{"spec":{"nodeSelectr":{"disk":"ssd"}}}`))
		s.settle()
		s.apply("corrected", PodTemplate(`{"spec":{"nodeSelector":{"disk":"ssd"}}}`))
		s.settle()
	}),
	Entry("R24 a worker without ports", "worker-only", func(s story) {
		s.apply("no ports", Ports(), Env("QUEUE", "orders"), func(stack *v1alpha1.AppStack) {
			stack.Spec.ImagePullPolicy = corev1.PullIfNotPresent
		})
		s.settle()
	}),
)
