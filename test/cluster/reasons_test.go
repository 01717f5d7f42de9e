// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

// deadlineSeconds is the progress deadline of stacks that exceed it.
const deadlineSeconds = 20

// breakage is a way in which a release fails.
type breakage struct {
	// reason is the reason in the failure report.
	reason string
	// by breaks the stack.
	by fixture.Option
	// grace is the time from the first symptom until the release fails.
	grace time.Duration
}

// breakages are the ways to fail, by the name prefix of their stacks.
var breakages = map[string]breakage{
	"crash":   {v1alpha1.FailureCrashLoopBackOff, fixture.Image(crash), 0},
	"invalid": {v1alpha1.FailureInvalidImageName, waits("InvalidImageName"), 0},
	"pull":    {v1alpha1.FailureErrImagePull, waits("ErrImagePull"), time.Minute},
	"backoff": {v1alpha1.FailureImagePullBackOff, waits("ImagePullBackOff"), time.Minute},
	"never":   {v1alpha1.FailureErrImageNeverPull, waits("ErrImageNeverPull"), time.Minute},
	"config":  {v1alpha1.FailureCreateContainerConfigError, waits("CreateContainerConfigError"), time.Minute},
	"create":  {v1alpha1.FailureCreateContainerError, waits("CreateContainerError"), time.Minute},
	"run":     {v1alpha1.FailureRunContainerError, waits("RunContainerError"), time.Minute},
	"unready": {v1alpha1.FailureProgressDeadlineExceeded, fixture.Image("my-app:unready"), deadlineSeconds * time.Second},
	"unschedulable": {
		v1alpha1.FailureProgressDeadlineExceeded, fixture.PodTemplate(`{"spec":{"nodeSelector":{"appstack.dev/none":"such"}}}`),
		deadlineSeconds * time.Second,
	},
}

// waits sets an image whose containers are waiting with the reason.
func waits(reason string) fixture.Option { return fixture.Image("my-app:waits-" + reason) }

var _ = Describe("A failing release of each reason", func() {
	const each = 5

	It("is rolled back soon after it shows (R12, R17)", func(ctx SpecContext) {
		w, tight := newScene(ctx), newScene(ctx)
		quota := map[string]breakage{
			"quota": {v1alpha1.FailureReplicaFailure, fixture.Image("my-app:2"), 30 * time.Second},
		}
		w.start(ctx, breakages, each)
		tight.start(ctx, quota, each)
		tight.forbidPods(ctx)
		times := w.fail(ctx, breakages, each)
		maps.Copy(times, tight.fail(ctx, quota, each))

		lines := []string{"reason: from when the release qualifies to the Deployment patched back (median; all)"}
		for _, name := range slices.Sorted(maps.Keys(times)) {
			all := times[name]
			slices.Sort(all)
			lines = append(lines, fmt.Sprintf("%-14s %v  %v", name, all[len(all)/2], all))
		}
		AddReportEntry("latency of failures", strings.Join(lines, "\n"))
	}, SpecTimeout(6*time.Minute))
})

// stackName returns the name of the i-th stack of a breakage.
func stackName(breakage string, i int) string { return fmt.Sprintf("%s-%d", breakage, i) }

// start creates stacks and waits until they are Ready.
func (w scene) start(ctx context.Context, all map[string]breakage, each int) {
	GinkgoHelper()
	for name := range all {
		for i := range each {
			stack := fixture.Stack(stackName(name, i), fixture.InNamespace(w.Namespace), fixture.Rollout(
				v1alpha1.RolloutPolicy{ProgressDeadlineSeconds: ptr.To[int32](600)}))
			if all[name].reason == v1alpha1.FailureProgressDeadlineExceeded {
				stack.Spec.Rollout.ProgressDeadlineSeconds = ptr.To[int32](deadlineSeconds)
			}
			Expect(world.Kube.Create(ctx, stack)).To(Succeed())
		}
	}
	Eventually(ctx, func() []v1alpha1.AppStack { return world.List[v1alpha1.AppStackList](ctx, w.Namespace).Items }).
		WithTimeout(time.Minute).Should(HaveEach(HaveField("Status.Conditions",
		ContainElement(And(HaveField("Type", v1alpha1.ConditionReady), HaveField("Status", metav1.ConditionTrue))))))
}

// fail breaks the stacks, waits until each is rolled back for its reason, and returns
// the times from when the failure is due until the Deployment was rolled back.
func (w scene) fail(ctx context.Context, all map[string]breakage, each int) map[string][]time.Duration {
	GinkgoHelper()
	seen := w.watchFailures(ctx)
	for name, breakage := range all {
		for i := range each {
			stack, err := world.Get[v1alpha1.AppStack](ctx, w.Namespace, stackName(name, i))
			Expect(err).NotTo(HaveOccurred())
			Expect(world.Kube.Patch(ctx, fixture.With(stack.DeepCopy(), breakage.by), client.MergeFrom(stack))).To(Succeed())
			// one after another: the test does not measure the queue
			Eventually(ctx, func() bool { return seen.isReleased(stack.Name) }).Should(BeTrue())
		}
	}
	times := map[string][]time.Duration{}
	for name, breakage := range all {
		for i := range each {
			var stack *v1alpha1.AppStack
			Eventually(ctx, func(g Gomega) {
				var err error
				stack, err = world.Get[v1alpha1.AppStack](ctx, w.Namespace, stackName(name, i))
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(world.History(stack)).To(HaveExactElements(
					"1 AutoRollback Succeeded", "2 SpecChanged Failed", "1 SpecChanged Succeeded"))
			}).WithTimeout(2 * time.Minute).Should(Succeed())
			Expect(stack.Status.Failure.Reason).To(Equal(breakage.reason), stack.Name)
			times[name] = append(times[name], seen.took(ctx, stack.Name, breakage.grace).Round(time.Millisecond))
		}
	}
	return times
}

// failures holds the times that a test observes, by stack.
type failures struct {
	mu sync.Mutex
	// released is set if the Deployment was observed at another revision than the first.
	released map[string]bool
	// shown is when the cause was first seen; progressed is the Deployment's last reported progress.
	shown, progressed, patched map[string]time.Time
}

// isReleased reports whether the Deployment of the stack was changed to a new revision.
// It may be back at the first revision by now.
func (f *failures) isReleased(stack string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.released[stack]
}

// isPatched reports whether the Deployment of the stack was rolled back.
func (f *failures) isPatched(stack string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, patched := f.patched[stack]
	return patched
}

// took returns the time from when the failure of the release is due until the Deployment
// of the stack was rolled back.
func (f *failures) took(ctx context.Context, stack string, grace time.Duration) time.Duration {
	GinkgoHelper()
	// the history may be ahead of the watch event
	Eventually(ctx, func() bool { return f.isPatched(stack) }).Should(BeTrue())
	f.mu.Lock()
	defer f.mu.Unlock()
	shown, ok := f.shown[stack]
	if !ok {
		shown = f.progressed[stack] // the failure shows by the progress deadline only
	}
	return f.patched[stack].Sub(shown.Add(grace))
}

// watchFailures starts to watch the pods and Deployments.
func (w scene) watchFailures(ctx context.Context) *failures {
	GinkgoHelper()
	f := &failures{
		released: map[string]bool{},
		shown:    map[string]time.Time{}, progressed: map[string]time.Time{}, patched: map[string]time.Time{},
	}
	for _, objects := range []client.ObjectList{&corev1.PodList{}, &appsv1.DeploymentList{}} {
		Expect(world.Kube.List(ctx, objects, client.InNamespace(w.Namespace))).To(Succeed())
		events, err := world.Kube.Watch(ctx, objects, client.InNamespace(w.Namespace),
			&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: objects.GetResourceVersion()}})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(events.Stop)
		go func() {
			for event := range events.ResultChan() {
				f.note(event)
			}
		}()
	}
	return f
}

func (f *failures) note(event watch.Event) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch object := event.Object.(type) {
	case *corev1.Pod:
		name := object.Labels[naming.LabelStack]
		if _, known := f.shown[name]; !known && shows(object) {
			f.shown[name] = now
		}
	case *appsv1.Deployment:
		f.noteDeployment(object, now)
	}
}

func (f *failures) noteDeployment(deployment *appsv1.Deployment, now time.Time) {
	name := deployment.Name
	if deployment.Annotations[naming.AnnotationRevision] == "1" {
		if _, known := f.patched[name]; !known && f.released[name] { // before the release it was at revision 1 too
			f.patched[name] = now
		}
		return
	}
	f.released[name] = true
	for _, condition := range deployment.Status.Conditions {
		switch condition.Type {
		case appsv1.DeploymentReplicaFailure:
			f.shown[name] = condition.LastTransitionTime.Time
		case appsv1.DeploymentProgressing:
			if condition.Status == corev1.ConditionTrue { // False reports the exceeded deadline
				f.progressed[name] = condition.LastUpdateTime.Time
			}
		}
	}
}

// shows reports whether the pod shows the cause of the failure.
func shows(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(status corev1.ContainerStatus) bool {
		waiting := status.State.Waiting
		return waiting != nil && (waiting.Reason != "CrashLoopBackOff" || status.RestartCount == 2)
	})
}
