// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
	"github.com/appstack-dev/appstack/test/world"
)

// crash is the image that crash-loops on the simulated nodes.
const crash = "my-app:crash"

var _ = Describe("A release that fails", func() {
	It("is rolled back, says why, and leaves the spec alone (R11, R12, R17, R18, R19)", Serial, func(ctx SpecContext) {
		registry := prometheus.NewRegistry()
		withOperator(operator.Options{Metrics: registry})
		w := newScene(ctx)
		stack := fixture.Stack(app)
		w.Apply(stack)
		w.BecomesReady(ctx)
		pods, sets := world.UIDs(w.Pods(ctx)), w.ReplicaSets(ctx)
		lowest := w.watchReady(ctx, 3)

		w.Apply(fixture.With(stack, fixture.Image(crash)))
		applied, err := w.Stack(ctx)
		Expect(err).NotTo(HaveOccurred())
		message := w.Stalls(ctx, v1alpha1.ReasonRolledBack)
		Expect(message).To(And(ContainSubstring("revision 2 failed"), ContainSubstring("CrashLoopBackOff, exit code 2"),
			ContainSubstring("the stack was rolled back to revision 1")))

		By("serving from the same pods as before")
		after := w.rolledBack(ctx)
		Expect(world.History(after)).To(Equal([]string{"1 AutoRollback Succeeded", "2 SpecChanged Failed", "1 SpecChanged Succeeded"}))
		Eventually(ctx, func() []types.UID { return world.UIDs(w.Pods(ctx)) }).Should(ConsistOf(pods))
		Eventually(ctx, func() []types.UID { return w.ActiveReplicaSets(ctx) }).Should(ConsistOf(sets))
		Expect(lowest()).To(Equal(3))

		By("keeping the failure report after the pods are gone")
		failure := after.Status.Failure
		Expect(failure).NotTo(BeNil())
		Expect(failure.Revision).To(BeEquivalentTo(2))
		Expect(failure.Component).To(Equal("main"))
		Expect(failure.Container).To(Equal("app"))
		Expect(failure.Pod).To(HavePrefix("my-app-"))
		Expect(failure.Reason).To(Equal(v1alpha1.FailureCrashLoopBackOff))
		Expect(failure.ExitCode).To(HaveValue(BeEquivalentTo(2)))
		Expect(failure.Message).To(HaveSuffix("listening on :80\npanic: no route to the database"))

		By("leaving the spec and its field managers unchanged")
		Expect(after.Generation).To(Equal(applied.Generation))
		Expect(after.Spec).To(Equal(applied.Spec))
		Expect(specManagers(after)).To(Equal(specManagers(applied)))

		By("reporting to other tools")
		Expect(w.kstatus(ctx)).To(HavePrefix("Failed: revision 2 failed"))
		Expect(w.Kubectl("get", "aps", "-o", "wide")).To(MatchRegexp(`my-app +my-app:1 +1 +False +RolledBack +3/3 .* 2\n`))
		Eventually(ctx, func() string { return w.Kubectl("events", "--for", "appstack/my-app") }).Should(And(
			MatchRegexp(`Warning +RolloutFailed +AppStack/my-app +revision 2 failed: component main, container app`),
			MatchRegexp(`Warning +RolledBack`), MatchRegexp(`Normal +RolloutStarted +AppStack/my-app +revision 1: revision 2 failed`)))
		Eventually(ctx, func() map[string]float64 { return counted(registry) }).Should(And(
			HaveKeyWithValue("appstack_rollouts_total outcome=Failed reason=CrashLoopBackOff", 1.0),
			HaveKeyWithValue("appstack_rollbacks_total trigger=AutoRollback", 1.0),
			HaveKeyWithValue("appstack_stacks condition=Stalled reason=RolledBack status=True", BeNumerically(">", 0)),
			HaveKey("appstack_pod_watches")))

		By("releasing the fixed content and removing the failure report once it succeeds")
		w.Apply(fixture.With(stack, fixture.Image("my-app:3")))
		recovered := w.BecomesReady(ctx)
		Expect(recovered.Status.Failure).To(BeNil())
		Expect(recovered.Status.Revision).To(BeEquivalentTo(3))
		Expect(w.kstatus(ctx)).To(HavePrefix("Current: "))
	})

	It("is not tried again until it is asked for anew (R12)", Serial, func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app)
		w.Apply(stack)
		w.BecomesReady(ctx)
		w.Apply(fixture.With(stack, fixture.Image("my-app:waits-InvalidImageName")))
		w.rolledBack(ctx)

		By("scaling, which does not change the content")
		w.Apply(fixture.With(stack, fixture.Replicas(2)))
		Expect(world.History(w.rolledBack(ctx))).To(HaveLen(3))

		By("restarting the operator")
		withOperator(operator.Options{})
		Expect(world.History(w.rolledBack(ctx))).To(HaveLen(3))

		By("restarting the stack, which retries the release")
		w.Apply(fixture.With(stack, fixture.RestartedAt(time.Now())))
		Eventually(ctx, func() []string { return world.History(w.rolledBack(ctx)) }).Should(HaveLen(5))
		Expect(world.History(w.rolledBack(ctx))[:2]).To(Equal([]string{"1 AutoRollback Succeeded", "3 Restart Failed"}))

		By("declaring the running revision with spec.rollback")
		w.Apply(fixture.With(stack, fixture.RollbackTo(1, 3)))
		Expect(world.History(w.BecomesReady(ctx))).To(HaveLen(5))
	})

	It("goes back to nothing where nothing ran before (R14)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app, fixture.Image("my-app:waits-InvalidImageName"))
		w.Apply(stack)
		Expect(w.Stalls(ctx, v1alpha1.ReasonRolloutFailed)).To(ContainSubstring("no other good revision"))
		failed, err := w.Stack(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(world.History(failed)).To(Equal([]string{"1 SpecChanged Progressing"}))
		Expect(w.kstatus(ctx)).To(HavePrefix("Failed: "))
		w.Apply(fixture.With(stack, fixture.Image("my-app:2")))
		Expect(world.History(w.BecomesReady(ctx))).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Failed"}))
	})

	It("stays as it is with Hold, and recovers late (R14)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app, fixture.Rollout(v1alpha1.RolloutPolicy{
			OnFailure: v1alpha1.FailurePolicyHold, ProgressDeadlineSeconds: ptr.To[int32](3),
		}))
		w.Apply(stack)
		w.BecomesReady(ctx)
		w.Apply(fixture.With(stack, fixture.Image("my-app:unready")))
		w.Stalls(ctx, v1alpha1.ReasonRolloutFailed)
		held, err := w.Stack(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(held.Status.Failure.Reason).To(Equal(v1alpha1.FailureProgressDeadlineExceeded))

		By("making the pods ready one after another")
		Eventually(ctx, func() []corev1.Pod {
			w.mend(ctx)
			return w.Pods(ctx)
		}).Should(And(HaveLen(3), HaveEach(Satisfy(world.IsReady)), HaveEach(runs("my-app:unready"))))
		after := w.BecomesReady(ctx)
		Expect(world.History(after)).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		Expect(after.Status.Failure).To(BeNil())
	})

	It("whose way back fails too is left alone, and nothing is written any more (R13)", func(ctx SpecContext) {
		w := newScene(ctx)
		stack := fixture.Stack(app, fixture.Rollout(v1alpha1.RolloutPolicy{Strategy: v1alpha1.RolloutStrategyRecreate}))
		w.Apply(stack)
		w.BecomesReady(ctx)
		w.Apply(fixture.With(stack, fixture.Image("my-app:waits-ErrImagePull")))
		Eventually(ctx, func() []corev1.Pod { return w.Pods(ctx) }).Should(And(HaveLen(3), HaveEach(runs("my-app:waits-ErrImagePull"))))
		w.forbidPods(ctx)

		var message string
		Eventually(ctx, func(g Gomega) {
			failed, err := w.Stack(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(failed.Status.Conditions).To(ContainElement(And(
				HaveField("Type", v1alpha1.ConditionStalled), HaveField("Reason", v1alpha1.ReasonRollbackFailed))))
			g.Expect(world.History(failed)).To(Equal([]string{
				"1 AutoRollback Progressing", "2 SpecChanged Failed", "1 SpecChanged Succeeded",
			}))
			message = w.Stalls(ctx, v1alpha1.ReasonRollbackFailed)
		}).WithTimeout(2 * time.Minute).Should(Succeed())
		Expect(message).To(And(ContainSubstring("revision 2 failed"), ContainSubstring("ErrImagePull"),
			ContainSubstring("so did the rollback to revision 1"), ContainSubstring("ReplicaFailure")))
		Expect(w.kstatus(ctx)).To(HavePrefix("Failed: "))

		world.MarkNow().Quiet(ctx, w.World) // the last requests may not be in the audit log yet
		start := world.MarkNow()
		Consistently(ctx, func() []string { return start.RequestsIn(w.World) }).WithTimeout(10 * time.Second).Should(BeEmpty())
	}, SpecTimeout(4*time.Minute))
})

// runs matches a pod that runs the image.
func runs(image string) gomegatypes.GomegaMatcher {
	return HaveField("Spec.Containers", ConsistOf(HaveField("Image", image)))
}

// rolledBack waits until the current generation of the stack is rolled back and the rollback has ended.
func (w scene) rolledBack(ctx context.Context) *v1alpha1.AppStack {
	GinkgoHelper()
	var stack *v1alpha1.AppStack
	Eventually(ctx, func(g Gomega) {
		stack = w.Becomes(ctx, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonRolledBack)
		g.Expect(stack.Status.History).NotTo(BeEmpty())
		g.Expect(stack.Status.History[0].Outcome).To(Equal(v1alpha1.OutcomeSucceeded))
		g.Expect(stack.Status.Conditions).To(And(
			ContainElement(And(HaveField("Type", v1alpha1.ConditionAvailable), HaveField("Status", metav1.ConditionTrue))),
			ContainElement(And(HaveField("Type", v1alpha1.ConditionReady), HaveField("Status", metav1.ConditionFalse))),
			Not(ContainElement(HaveField("Type", v1alpha1.ConditionReconciling)))))
	}).Should(Succeed())
	return stack
}

// kstatus returns the stack's status as kstatus, which Flux uses, computes it.
func (w scene) kstatus(ctx context.Context) string {
	GinkgoHelper()
	command := exec.CommandContext(ctx, filepath.Join(world.Root(), "bin", "kstatus"))
	command.Stdin = strings.NewReader(w.Kubectl("get", "aps", app, "-o", "json"))
	var errs bytes.Buffer
	command.Stderr = &errs
	out, err := command.Output()
	Expect(err).NotTo(HaveOccurred(), "%s ('make test-cluster' builds it)", errs.String())
	return string(out)
}

// specManagers returns the field managers of everything except the status.
func specManagers(stack *v1alpha1.AppStack) []string {
	var all []string
	for _, entry := range stack.ManagedFields {
		if entry.Subresource == "" {
			all = append(all, entry.Manager+" "+string(entry.Operation)+" "+entry.FieldsV1.String())
		}
	}
	return all
}

// mend makes running pods ready.
func (w scene) mend(ctx context.Context) {
	GinkgoHelper()
	for _, pod := range w.Pods(ctx) {
		if pod.Status.Phase != corev1.PodRunning || world.IsReady(pod) {
			continue
		}
		before := pod.DeepCopy()
		for i := range pod.Status.Conditions {
			switch pod.Status.Conditions[i].Type {
			case corev1.PodReady, corev1.ContainersReady:
				pod.Status.Conditions[i].Status = corev1.ConditionTrue
				pod.Status.Conditions[i].LastTransitionTime = metav1.Now()
			}
		}
		// a patch, as others write the pod's status concurrently
		Expect(world.Kube.Status().Patch(ctx, &pod, client.StrategicMergeFrom(before))).To(Succeed())
	}
}

// forbidPods creates a quota that allows no further pod.
func (w scene) forbidPods(ctx context.Context) {
	GinkgoHelper()
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "none"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}},
	}
	Expect(world.Kube.Create(ctx, quota)).To(Succeed())
	Eventually(ctx, func() (corev1.ResourceList, error) {
		quota, err := world.Get[corev1.ResourceQuota](ctx, w.Namespace, "none")
		return quota.Status.Hard, err
	}).ShouldNot(BeEmpty(), "the quota is not in force")
}

// counted returns the values of counters and gauges by name and labels.
func counted(registry prometheus.Gatherer) map[string]float64 {
	GinkgoHelper()
	families, err := registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	values := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			key := family.GetName()
			for _, label := range metric.GetLabel() {
				key += " " + label.GetName() + "=" + label.GetValue()
			}
			values[key] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		}
	}
	return values
}
