// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// released releases revision 1 of a stack.
func (s story) released(options ...Option) {
	s.apply("image my-app:1", options...)
	s.settle()
}

// deadline sets spec.rollout.progressDeadlineSeconds.
func deadline(seconds int32) Option {
	return Rollout(v1alpha1.RolloutPolicy{ProgressDeadlineSeconds: &seconds})
}

// noSurge makes a rollout delete an old pod before it creates a new one.
func noSurge(stack *v1alpha1.AppStack) {
	Rollout(v1alpha1.RolloutPolicy{MaxSurge: ptr.To(intstr.FromInt32(0)), MaxUnavailable: ptr.To(intstr.FromInt32(1))})(stack)
}

var _ = DescribeTable("a failed rollout's story", tellStory,
	Entry("R12 R17 R18 a crash loop is rolled back", "crash", func(s story) {
		s.released()
		s.apply("image my-app:crash", Image("my-app:crash"))
		s.settle()
		s.apply("image my-app:2: the corrected content", Image("my-app:2"))
		s.settle()
	}),
	Entry("R17 an image that cannot be pulled fails after a minute", "missing", func(s story) {
		s.released()
		s.apply("image my-app:missing", Image("my-app:missing"))
		s.settle()
	}),
	Entry("R17 an invalid image name fails at once", "invalid", func(s story) {
		s.released()
		s.apply("image my-app:invalid", Image("my-app:invalid"))
		s.settle()
	}),
	Entry("R17 pods that never become ready fail at the deadline", "unready", func(s story) {
		s.released(deadline(120))
		s.apply("image my-app:unready", Image("my-app:unready"))
		s.settle()
	}),
	Entry("R17 DeadlineOnly waits for the deadline in any case", "deadline-only", func(s story) {
		s.released(Rollout(v1alpha1.RolloutPolicy{
			ProgressDeadlineSeconds: ptr.To[int32](90), FailureDetection: v1alpha1.FailureDetectionDeadlineOnly,
		}))
		s.apply("image my-app:missing", Image("my-app:missing"))
		s.settle()
	}),
	Entry("R12 failed content is retried only after a change, a restart, or when the spec returns to it", "attempts",
		func(s story) {
			s.released()
			s.apply("image my-app:crash", Image("my-app:crash"))
			s.settle()
			s.apply("replicas 4: the content is the same", Replicas(4))
			s.settle()
			s.apply("the same content in other words", func(stack *v1alpha1.AppStack) { stack.Spec.Ports[0].ServicePort = ptr.To[int32](80) })
			s.settle()
			s.apply("restartedAt 13:00", RestartedAt(at))
			s.settle()
			s.apply("image my-app:1: what runs is what the spec asks for", Image("my-app:1"))
			s.settle()
			s.apply("image my-app:crash again", Image("my-app:crash"))
			s.settle()
		}),
	Entry("R14 the first release fails: there is no rollback target", "first-release", func(s story) {
		s.apply("image my-app:crash", Image("my-app:crash"))
		s.Wait(400)
		Expect(s.Idle()).To(BeTrue())
		s.apply("image my-app:2", Image("my-app:2"))
		s.settle()
	}),
	Entry("R13 the last good revision fails too", "rollback-fails", func(s story) {
		s.released()
		s.apply("image my-app:crash, and of the old image nothing can be made any more", Image("my-app:crash"))
		s.Break("my-app:1", "missing")
		s.Settle(30)
		s.Kill("shop")
		s.Wait(300)
		Expect(s.Idle()).To(BeTrue())
		s.Mend("my-app:1")
		s.Say("the old image is back")
		s.settle()
	}),
	Entry("R14 Hold keeps a failed release, which recovers later", "hold-and-recover", func(s story) {
		s.released(OnFailure(v1alpha1.FailurePolicyHold))
		s.apply("image my-app:late: crashes for a minute and a half", Image("my-app:late"))
		s.settle()
	}),
	Entry("R10 a manual rollback while a rollout is failing", "manual-rollback-while-failing", func(s story) {
		s.released()
		s.apply("image my-app:2", Image("my-app:2"))
		s.settle()
		s.apply("image my-app:crash", Image("my-app:crash"))
		s.Settle(5)
		s.apply("rollback: {toRevision: 1}", RollbackTo(1, 0))
		s.settle()
	}),
	Entry("R10 naming the target of an automatic rollback declares it", "declared", func(s story) {
		s.released()
		s.apply("image my-app:crash", Image("my-app:crash"))
		s.settle()
		s.apply("rollback: {toRevision: 1, fromRevision: 2}", RollbackTo(1, 2))
		s.settle()
		s.apply("image my-app:3", Image("my-app:3"))
		s.settle()
	}),
	Entry("R10 R12 a manual rollback that fails is rolled back", "manual-rollback-fails", func(s story) {
		s.apply("image my-app:old-1", Image("my-app:old-1"))
		s.settle()
		s.apply("image my-app:2", Image("my-app:2"))
		s.settle()
		s.Break("my-app:old-1", "missing")
		s.apply("rollback: {toRevision: 1}, whose image is gone", RollbackTo(1, 0))
		s.settle()
	}),
	Entry("R16 components that are added and removed across a failure", "components-across-a-failure", func(s story) {
		s.released(worker(1))
		s.apply("worker dropped, mailer added, image my-app:crash", Image("my-app:crash"), WithoutComponents(),
			Component("mailer", 1, nil, "mail"))
		s.settle()
	}),
	Entry("R6 a scale-up after a successful rollout that cannot be scheduled", "scale-up-without-room", func(s story) {
		s.released()
		s.Room = 4
		s.apply("replicas 6, and the nodes have room for 4 pods", Replicas(6))
		s.Wait(700)
		Expect(s.Idle()).To(BeTrue())
		s.Room = -1
		s.Say("a node is added")
		s.settle()
	}),
	Entry("R16a no deadline runs during a pause", "pause-in-the-middle", func(s story) {
		s.released(deadline(60))
		s.apply("image my-app:unready", Image("my-app:unready"))
		s.Wait(30)
		s.apply("paused", Paused(true))
		s.Wait(300)
		s.apply("paused removed", Paused(false))
		s.settle()
	}),
	Entry("R24 a worker without port or probe dies two seconds after its start", "worker-dies", func(s story) {
		s.released(Ports())
		s.apply("image my-app:dies", Image("my-app:dies"))
		s.settle()
	}),
	Entry("R17 a quota stops the creation of pods", "quota", func(s story) {
		s.released()
		s.Quota = 3
		s.apply("image my-app:2, and the quota is 3 pods", Image("my-app:2"))
		s.settle()
	}),
	Entry("R17 R24 an exhausted quota waits for pods that terminate slowly", "quota-slow-end", func(s story) {
		s.released(Image("my-app:lingers-1"), noSurge)
		s.Quota = 3
		s.apply("image my-app:lingers-2, and the quota is 3 pods", Image("my-app:lingers-2"))
		s.settle()
	}),
	Entry("R17 a component waits for quota that another component frees", "quota-shared", func(s story) {
		s.released(Image("my-app:slow-1"), Replicas(1), worker(1))
		s.Quota = 3
		s.apply("image my-app:slow-2, and the quota is 3 pods", Image("my-app:slow-2"))
		s.settle()
	}),
	Entry("R17 the first new pods free quota for the others", "quota-own-room", func(s story) {
		s.released(Image("my-app:slow-1"), Rollout(v1alpha1.RolloutPolicy{MaxSurge: ptr.To(intstr.FromInt32(2))}))
		s.Quota = 4
		s.apply("image my-app:slow-2, and the quota is 4 pods", Image("my-app:slow-2"))
		s.settle()
	}),
	Entry("R12 R17 a manual rollback exceeds a quota", "quota-manual-rollback", func(s story) {
		s.released()
		s.apply("image my-app:2", Image("my-app:2"))
		s.settle()
		s.Quota = 3
		s.apply("rollback: {toRevision: 1}, and the quota is 3 pods", RollbackTo(1, 0))
		s.settle()
	}),
	Entry("R18 the old pods do not terminate in time", "slow-end", func(s story) {
		s.released(Image("my-app:lingers-1"), Rollout(v1alpha1.RolloutPolicy{
			Strategy: v1alpha1.RolloutStrategyRecreate, ProgressDeadlineSeconds: ptr.To[int32](40),
		}))
		s.apply("image my-app:lingers-2", Image("my-app:lingers-2"))
		s.settle()
	}),
	Entry("R17 the API server rejects a write", "rejected", func(s story) {
		s.released()
		s.Refuses = func(step model.Step) string {
			if deployment := Written(step); deployment != nil && deployment.Annotations["apps.appstack.dev/revision"] == "2" {
				return "admission webhook \"policy\" denied the request: no"
			}
			return ""
		}
		s.apply("image my-app:2, which a webhook denies", Image("my-app:2"))
		s.settle()
	}),
	Entry("R16a a restart retries a failed release", "restart-of-a-failed-release", func(s story) {
		s.released()
		s.Break("my-app:2", "crash")
		s.apply("image my-app:2, whose database is down", Image("my-app:2"))
		s.settle()
		s.Mend("my-app:2")
		s.apply("the database is back, restartedAt 13:00", RestartedAt(at))
		s.settle()
	}),
	Entry("R12 another update while a rollout is failing", "rollover-while-failing", func(s story) {
		s.released()
		s.apply("image my-app:crash", Image("my-app:crash"))
		s.Settle(8)
		s.apply("image my-app:3", Image("my-app:3"))
		s.settle()
	}),
	Entry("R12 Recreate is rolled back too", "recreate", func(s story) {
		s.released(Rollout(v1alpha1.RolloutPolicy{Strategy: v1alpha1.RolloutStrategyRecreate}))
		s.apply("image my-app:crash", Image("my-app:crash"))
		s.settle()
	}),
	Entry("R6 a complete component loses a pod while another one is still rolling out", "lost-pod-while-rolling", func(s story) {
		s.released(worker(10), Rollout(v1alpha1.RolloutPolicy{
			ProgressDeadlineSeconds: ptr.To[int32](60), MaxSurge: ptr.To(intstr.FromInt32(1)),
		}))
		s.apply("image my-app:2: the worker takes nearly two minutes", Image("my-app:2"))
		s.Wait(80)
		s.Kill("shop")
		s.settle()
	}),
	Entry("R1 R6 a rejected PodDisruptionBudget does not delay the rollout", "refused-budget", func(s story) {
		s.Refuses = func(step model.Step) string {
			if step.Target().Kind == "PodDisruptionBudget" {
				return "exceeded quota: poddisruptionbudgets"
			}
			return ""
		}
		s.apply("image my-app:1", deadline(60))
		s.Wait(90)
		s.apply("replicas 5", Replicas(5))
		s.Wait(90)
	}),
	Entry("R17 a write that was rejected before is retried", "refused-once", func(s story) {
		s.released()
		s.Refuses = func(step model.Step) string {
			if deployment := Written(step); deployment != nil && deployment.Spec.Template.Spec.Containers[0].Image == "my-app:2" {
				return "admission webhook \"policy\" denied the request: no"
			}
			return ""
		}
		s.apply("image my-app:2, which a webhook denies", Image("my-app:2"))
		s.settle()
		s.Refuses = nil
		s.apply("the policy is corrected; image my-app:1", Image("my-app:1"))
		s.settle()
		s.apply("and image my-app:2 again", Image("my-app:2"))
		s.settle()
	}),
	Entry("R14 scaling a failed release to zero is no success", "scaled-to-zero", func(s story) {
		s.apply("image my-app:crash", Image("my-app:crash"))
		s.Wait(60)
		s.apply("replicas 0", Replicas(0))
		s.Wait(60)
		s.apply("replicas 2", Replicas(2))
		s.Wait(60)
	}),
	Entry("R16a a pause in the middle of a rollback", "pause-on-the-way-back", func(s story) {
		s.released(Rollout(v1alpha1.RolloutPolicy{Strategy: v1alpha1.RolloutStrategyRecreate}))
		s.apply("image my-app:invalid", Image("my-app:invalid"))
		s.Wait(2)
		s.apply("paused", Paused(true))
		s.Wait(30)
		s.apply("paused removed", Paused(false))
		s.settle()
	}),
)
