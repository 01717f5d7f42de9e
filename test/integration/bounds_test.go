// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
)

// skipping is a clock that can be advanced instead of waiting.
type skipping struct {
	clock.RealClock
	ahead atomic.Int64
}

// Now implements clock.PassiveClock.
func (s *skipping) Now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// Since implements clock.PassiveClock.
func (s *skipping) Since(then time.Time) time.Duration { return s.Now().Sub(then) }

var _ = Describe("the bounds of the API", func() {
	It("R18 R19 hold where the API server has much to say against a pod", func() {
		skips := &skipping{}
		instead(config, operator.Options{Clock: skips})
		created()
		change(fixture.Image("my-app:2"))
		moved(2)
		words := `violates PodSecurity "restricted:latest": ` + strings.Repeat("hostPort (container \"sidecar\" uses hostPort 8080), ", 100)
		forbid(fmt.Sprintf(`pods "my-app-5d8f-x7f2" is forbidden: %s`, words))
		By("rejecting pods for longer than the grace period, which starts when the operator observes it")
		Eventually(func() string { return condition(current(), v1alpha1.ConditionReady).Message }).
			Should(ContainSubstring(v1alpha1.FailureReplicaFailure))
		skips.ahead.Add(int64(31 * time.Second))
		touch()

		stack := healed()
		Expect(rollouts(stack)).To(Equal([]string{"1 AutoRollback Succeeded", "2 SpecChanged Failed", "1 SpecChanged Succeeded"}))
		Expect(stack.Status.Failure.Reason).To(Equal(v1alpha1.FailureReplicaFailure))
		Expect(stack.Status.Failure.Message).To(ContainSubstring(words))
		Expect(stack.Status.History[1].Message).To(ContainSubstring(`failed: component main: ReplicaFailure (violates PodSecurity`))
		Expect(condition(stack, v1alpha1.ConditionStalled).Message).To(And(
			ContainSubstring("violates PodSecurity"), ContainSubstring("change the spec, name another revision in rollback.toRevision")))

		By("releasing the user's next change")
		Expect(released(fixture.Image("my-app:3")).Status.Revision).To(Equal(int64(3)))
	})

	It("R9 R19 hold where components that retire pile up", func() {
		twenty := func(generation int) option {
			return func(s *v1alpha1.AppStack) {
				s.Spec.Components = nil
				for i := range 20 {
					fixture.Component(fmt.Sprintf("g%d-%d", generation, i), 1, nil, "work")(s)
				}
			}
		}
		created(twenty(0))
		for generation := 1; generation <= 3; generation++ {
			change(twenty(generation))
			moved(int64(1 + generation))
		}
		var stack *v1alpha1.AppStack
		Eventually(func(g Gomega) {
			var deployments appsv1.DeploymentList
			g.Expect(k8s.List(ctx, &deployments, client.InNamespace(namespace))).To(Succeed())
			g.Expect(deployments.Items).To(HaveLen(81))
			stack = observed(g)
			g.Expect(stack.Status.Components).To(HaveLen(64))
			g.Expect(stack.Status.ReadySummary).To(HaveSuffix("/83"))
		}).Should(Succeed())
		Expect(stack.Status.Components[0].Name).To(Equal("main"))
		for i, component := range stack.Status.Components[1:21] {
			Expect(component.Name).To(HavePrefix("g3-"), "component %d", i)
		}
		Expect(ready().Status.Components).To(HaveLen(21))
	})
})

// forbid sets the Deployment's ReplicaFailure condition: its pods cannot be created.
func forbid(message string) {
	GinkgoHelper()
	Expect(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		deployment := find(Default, &appsv1.Deployment{}, app)
		now := metav1.Now()
		deployment.Status.ObservedGeneration = deployment.Generation
		deployment.Status.UpdatedReplicas = 0
		deployment.Status.Conditions = []appsv1.DeploymentCondition{{
			Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: message,
			LastUpdateTime: now, LastTransitionTime: now,
		}}
		return k8s.Status().Update(ctx, deployment)
	})).To(Succeed())
}
