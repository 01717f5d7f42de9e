// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show_test

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// noon is the current time in all views.
var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// greeting sets content that differs between revisions.
func greeting(words string) Option {
	return func(s *v1alpha1.AppStack) { s.Spec.Env = []corev1.EnvVar{{Name: "GREETING", Value: words}} }
}

// ago returns the time that long before noon.
func ago(d time.Duration) metav1.Time { return metav1.NewTime(noon.Add(-d)) }

const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// scene is a stack with its objects as stored in the API server.
type scene struct {
	t        *testing.T
	stack    *v1alpha1.AppStack
	children release.Children
}

// newScene returns a stack of three components. Revisions 1 and 2 run images 1 and 2.
func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, stack: Stack("shop", Replicas(2), Component("worker", 1, nil, "work"))}
	s.stack.CreationTimestamp = ago(49 * time.Hour)
	s.stack.Generation, s.stack.Status.ObservedGeneration = 3, 3
	good := func(sequence int64, began, took time.Duration) model.Rollout {
		end := noon.Add(took - began)
		return model.Rollout{
			Sequence: sequence, Trigger: v1alpha1.TriggerSpecChanged, Outcome: v1alpha1.OutcomeSucceeded,
			StartedAt: noon.Add(-began), EndedAt: &end,
		}
	}
	s.revision(1, []Option{Image("shop:1.0.0" + digest), greeting("hello")}, good(1, 49*time.Hour, 21*time.Second))
	s.revision(2, []Option{Image("shop:1.1.0" + digest), greeting("good day")}, good(2, 25*time.Hour, 30*time.Second))
	return s
}

// revision changes the stack with the options and records its content as a revision.
func (s *scene) revision(number int64, options []Option, rollouts ...model.Rollout) {
	s.t.Helper()
	s.stack = With(s.stack, options...)
	content, err := render.Content(render.Input{Stack: s.stack, Defaults: render.StandardDefaults()})
	if err != nil {
		s.t.Fatal(err)
	}
	stored, err := revision.Encode(s.stack, model.Revision{Number: number, Content: content, Record: model.Record{
		Sources: []string{revision.SourceHash(s.stack.Spec)}, Rollouts: rollouts,
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.children.Revisions = append(s.children.Revisions, *stored)
}

// template returns the component's pod template in a revision.
func (s *scene) template(component string, number int64) corev1.PodTemplateSpec {
	s.t.Helper()
	for i := range s.children.Revisions {
		rev, err := revision.Decode(&s.children.Revisions[i])
		if err != nil {
			s.t.Fatal(err)
		}
		if rev.Number == number {
			return rev.Content.Find(component).Template
		}
	}
	s.t.Fatalf("there is no revision %d", number)
	return corev1.PodTemplateSpec{}
}

// deploy makes the component run the revision.
func (s *scene) deploy(component string, number int64, desired, updated, ready int32) {
	name := naming.Object(s.stack.Name, component)
	s.children.Deployments = append(s.children.Deployments, appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: types.UID(name), CreationTimestamp: ago(49 * time.Hour), Labels: naming.Labels(s.stack.Name, component),
		},
		Spec:   appsv1.DeploymentSpec{Replicas: &desired, Template: s.template(component, number)},
		Status: appsv1.DeploymentStatus{UpdatedReplicas: updated, AvailableReplicas: ready, ReadyReplicas: ready, Replicas: ready},
	})
	s.stack.Status.Components = append(s.stack.Status.Components, v1alpha1.ComponentStatus{
		Name: component, Image: s.template(component, number).Spec.Containers[0].Image,
	})
}

func (s *scene) deployment(component string) *appsv1.Deployment {
	s.t.Helper()
	for i := range s.children.Deployments {
		if s.children.Deployments[i].Name == naming.Object(s.stack.Name, component) {
			return &s.children.Deployments[i]
		}
	}
	s.t.Fatalf("component %s has no Deployment", component)
	return nil
}

// refused makes the API server reject the component's pods.
func (s *scene) refused(component, message string) {
	s.deployment(component).Status.Conditions = []appsv1.DeploymentCondition{
		{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: message},
	}
}

// strategy sets the component's rolling update parameters.
func (s *scene) strategy(component string, update appsv1.RollingUpdateDeployment) {
	s.deployment(component).Spec.Strategy.RollingUpdate = &update
}

// set creates the ReplicaSet of a revision, with pods.
func (s *scene) set(component string, number int64, age time.Duration, pods ...corev1.PodStatus) {
	name := fmt.Sprintf("%s-%d", naming.Object(s.stack.Name, component), 5550+number)
	template := s.template(component, number)
	template.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = fmt.Sprint(5550 + number)
	set := appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: types.UID(name), CreationTimestamp: ago(age),
			OwnerReferences: []metav1.OwnerReference{controlledBy("Deployment", naming.Object(s.stack.Name, component))},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(len(pods))), Template: template},
	}
	for i, status := range pods {
		made := corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: fmt.Sprintf("%s-pod%d", name, i), CreationTimestamp: ago(age),
				OwnerReferences: []metav1.OwnerReference{controlledBy("ReplicaSet", name)},
			},
			Status: status,
		}
		for _, condition := range status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				set.Status.ReadyReplicas++
			}
		}
		s.children.Pods = append(s.children.Pods, made)
	}
	s.children.Sets = append(s.children.Sets, set)
}

func controlledBy(kind, name string) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "apps/v1", Kind: kind, Name: name, UID: types.UID(name), Controller: ptr.To(true)}
}

// status sets the status that the operator reports.
func (s *scene) status(revision, good int64, ready string, conditions ...metav1.Condition) {
	s.stack.Status.Revision, s.stack.Status.LastGoodRevision, s.stack.Status.ReadySummary = revision, good, ready
	s.stack.Status.Address = "shop.shop.svc:80"
	s.stack.Status.Conditions = conditions
}

func (s *scene) release() release.Release { return release.New(s.stack, s.children) }

// runningPod returns the status of a ready pod.
func runningPod(restarts int32) corev1.PodStatus {
	return corev1.PodStatus{
		Phase:      corev1.PodRunning,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", Ready: true, RestartCount: restarts, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		}},
	}
}

// waitingPod returns the status of a pod whose container is waiting.
func waitingPod(reason, message string, restarts int32) corev1.PodStatus {
	return corev1.PodStatus{
		Phase:      corev1.PodPending,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", RestartCount: restarts,
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
		}},
	}
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: 3}
}

// notReady returns a false Ready condition.
func notReady(reason, message string) metav1.Condition {
	return condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, message)
}

// stalled is why the user has to act.
func stalled(reason, message string) []metav1.Condition {
	return []metav1.Condition{notReady(reason, message), condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, reason, message)}
}

// images returns the images of a revision in status.history.
func images(tag string) []v1alpha1.ImageStatus {
	return []v1alpha1.ImageStatus{
		{Component: "main", Image: "shop:" + tag + digest, Pinned: true},
		{Component: "worker", Image: "shop:" + tag + digest, Pinned: true},
	}
}

func rolled(number int64, tag string, trigger v1alpha1.RolloutTrigger, outcome v1alpha1.RolloutOutcome,
	began, took time.Duration, cause string,
) v1alpha1.RolloutStatus {
	rollout := v1alpha1.RolloutStatus{
		Revision: number, Images: images(tag), Trigger: trigger, Outcome: outcome, StartedAt: ago(began), Cause: cause,
		Message: "the spec's content changed",
	}
	if took > 0 {
		rollout.EndedAt = ptr.To(ago(began - took))
	}
	return rollout
}

// ready returns a stack that runs as specified.
func ready(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	s.deploy("main", 2, 2, 2, 2)
	s.deploy("worker", 2, 1, 1, 1)
	s.set("main", 1, 49*time.Hour)
	s.set("main", 2, 25*time.Hour, runningPod(0), runningPod(1))
	s.set("worker", 2, 25*time.Hour, runningPod(0))
	s.status(2, 2, "3/3", condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "revision 2 runs"))
	s.stack.Status.History = []v1alpha1.RolloutStatus{
		rolled(2, "1.1.0", v1alpha1.TriggerSpecChanged, v1alpha1.OutcomeSucceeded, 25*time.Hour, 30*time.Second, "1.1.0: politer, by erin"),
		rolled(1, "1.0.0", v1alpha1.TriggerSpecChanged, v1alpha1.OutcomeSucceeded, 49*time.Hour, 21*time.Second, ""),
	}
	return s
}

// rollingOut returns a stack that is rolling out revision 3, whose pods do not start.
func rollingOut(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	s.revision(3, []Option{Image("shop:1.2.0")}, model.Rollout{
		Sequence: 3, Trigger: v1alpha1.TriggerSpecChanged, Outcome: v1alpha1.OutcomeProgressing, StartedAt: noon.Add(-40 * time.Second),
	})
	s.deploy("main", 3, 2, 1, 2)
	s.deploy("worker", 3, 1, 0, 1)
	s.set("main", 2, 25*time.Hour, runningPod(0), runningPod(0))
	s.set("main", 3, 40*time.Second, waitingPod("ImagePullBackOff", `Back-off pulling image "shop:1.2.0": not found`, 0))
	s.set("worker", 2, 25*time.Hour, runningPod(0))
	s.set("worker", 3, 40*time.Second, waitingPod("ContainerCreating", "", 0))
	s.status(3, 2, "3/3", notReady(v1alpha1.ReasonProgressing,
		"revision 3: shop: 1 of 2 new pods created; container app: ImagePullBackOff"))
	s.stack.Status.History = []v1alpha1.RolloutStatus{
		rolled(3, "1.2.0", v1alpha1.TriggerSpecChanged, v1alpha1.OutcomeProgressing, 40*time.Second, 0, "set-image shop:1.2.0, by erin"),
	}
	return s
}

// rolledBack returns a stack whose revision 3 failed.
func rolledBack(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	failed := &model.Failure{Reason: v1alpha1.FailureCrashLoopBackOff, Component: "worker", Container: "app"}
	s.revision(3, []Option{Image("shop:1.2.0")}, model.Rollout{
		Sequence: 3, Trigger: v1alpha1.TriggerSpecChanged, Outcome: v1alpha1.OutcomeProgressing, StartedAt: noon.Add(-4 * time.Minute),
		Failure: failed,
	})
	s.deploy("main", 2, 2, 2, 2)
	s.deploy("worker", 2, 1, 1, 1)
	s.set("main", 2, 25*time.Hour, runningPod(0), runningPod(0))
	s.set("worker", 2, 25*time.Hour, runningPod(0))
	s.set("worker", 3, 4*time.Minute, waitingPod("CrashLoopBackOff", "back-off 10s restarting failed container", 3))
	s.status(2, 2, "3/3", stalled(v1alpha1.ReasonRolledBack,
		"revision 3 failed (component worker, container app: CrashLoopBackOff, exit code 2), and the stack was rolled back to revision 2: "+
			"change the spec, name another revision in rollback.toRevision, or set restartedAt to try the same content again")...)
	s.stack.Status.Failure = &v1alpha1.FailureStatus{
		Revision: 3, Component: "worker", Pod: "shop-worker-5553-pod0", Container: "app", Reason: v1alpha1.FailureCrashLoopBackOff,
		ExitCode: ptr.To[int32](2), FailedAt: ago(3 * time.Minute),
		Message: "the container exited 3 times, last with code 2 (Error); its last words:\n" +
			"\x1b[31mpanic\x1b[0m: no route to the database\a\ngoroutine 1 [running]:",
	}
	back := rolled(2, "1.1.0", v1alpha1.TriggerAutoRollback, v1alpha1.OutcomeSucceeded, 3*time.Minute, 12*time.Second,
		"1.1.0: politer, by erin")
	back.Message = "revision 3 failed: component worker, container app: CrashLoopBackOff, exit code 2"
	failure := rolled(3, "1.2.0", v1alpha1.TriggerSpecChanged, v1alpha1.OutcomeFailed, 4*time.Minute, time.Minute,
		"set-image shop:1.2.0, by erin")
	failure.Message = "the spec's content changed; failed: component worker, container app: CrashLoopBackOff, exit code 2"
	s.stack.Status.History = append([]v1alpha1.RolloutStatus{back, failure}, ready(t).stack.Status.History...)
	return s
}
