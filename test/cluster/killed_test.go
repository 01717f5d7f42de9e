// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"

	"github.com/appstack-dev/appstack/test/faults"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
	"github.com/appstack-dev/appstack/test/world"
)

// mostWrites is more than an operator needs for a failing release and its rollback.
const mostWrites = 40

var _ = Describe("An operator that is killed between any two of its writes", Serial, func() {
	It("has a failed release end in the same state (R12, R13)", func(ctx SpecContext) {
		withoutOperator()
		var expected string
		for writes := range mostWrites {
			w := newScene(ctx)
			killed := w.failWith(ctx, writes)
			state := w.endState(ctx)
			if expected == "" {
				expected = state
			}
			Expect(state).To(Equal(expected), "killed after %d writes", writes)
			if !killed {
				Expect(writes).To(BeNumerically(">", 6), "fewer writes than a failing release and its rollback need")
				AddReportEntry("writes of a failing release and the way back, all told", writes)
				return
			}
		}
		Fail("the operator does not stop writing")
	}, SpecTimeout(8*time.Minute))
})

// failWith fails a release under an operator that is killed after that many writes;
// another operator completes its work. It reports whether the operator was killed.
func (w scene) failWith(ctx context.Context, writes int) (killed bool) {
	GinkgoHelper()
	stack := fixture.Stack(app, fixture.Component("worker", 1, nil, "work"), withoutProbeDelay)
	var injector faults.Injector
	way, died := injector.Connect(world.Connection(world.OperatorAgent))
	stop, err := operator.Start(context.Background(), way, operator.Options{})
	Expect(err).NotTo(HaveOccurred())
	w.Apply(stack)
	w.BecomesReady(ctx)

	injector.Arm(writes+1, faults.CrashBefore())
	w.Apply(fixture.With(stack, fixture.Image("my-app:waits-InvalidImageName"), fixture.WithoutComponents()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer GinkgoRecover()
		w.rolledBack(ctx)
	}()
	select {
	case <-died:
		killed = true
	case <-ended:
	}
	Expect(stop()).To(Succeed())
	if killed {
		stop, err = operator.Start(context.Background(), world.Connection(world.OperatorAgent), operator.Options{})
		Expect(err).NotTo(HaveOccurred())
		<-ended
		w.rolledBack(ctx)
		Expect(stop()).To(Succeed())
	}
	return killed
}

// endState describes the state after a failed release and its rollback.
func (w scene) endState(ctx context.Context) string {
	GinkgoHelper()
	stack, err := w.Stack(ctx)
	Expect(err).NotTo(HaveOccurred())
	var lines []string
	lines = append(lines, world.History(stack)...)
	for _, condition := range stack.Status.Conditions {
		lines = append(lines, fmt.Sprintf("%s=%s %s: %s", condition.Type, condition.Status, condition.Reason, condition.Message))
	}
	failure := stack.Status.Failure
	lines = append(lines, fmt.Sprintf("failure of %d: %s %s %s %s", failure.Revision, failure.Component, failure.Container,
		failure.Reason, failure.Message))
	for _, deployment := range world.List[appsv1.DeploymentList](ctx, w.Namespace).Items {
		lines = append(lines, fmt.Sprintf("%s: %s, %d available", deployment.Name,
			deployment.Spec.Template.Spec.Containers[0].Image, deployment.Status.AvailableReplicas))
	}
	lines = append(lines, w.Revisions(ctx)...)
	return strings.Join(lines, "\n")
}
