// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package podwatch

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// pod returns a pod of component main of stack shop, with its app container in a state.
func pod(name string, app corev1.ContainerStatus) *corev1.Pod {
	app.Name = naming.AppContainer
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name, UID: types.UID("uid-of-" + name), Labels: naming.Labels("shop", naming.Main),
			CreationTimestamp: metav1.NewTime(at(1)),
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "shop-1a2b", UID: "uid-of-set", Controller: ptr.To(true),
			}},
		},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{app}},
	}
}

// kept returns what the store keeps of such a pod with these containers.
func kept(name string, containers ...model.Container) model.Pod {
	return model.Pod{
		Name: name, Component: naming.Main, Made: at(1),
		ReplicaSet: model.Owner{Name: "shop-1a2b", UID: "uid-of-set"}, Containers: containers,
	}
}

// creating returns the pod while its container is being created, since this many seconds after
// noon.
func creating(pod model.Pod, since int) model.Pod {
	pod.Starting = &model.Starting{Container: naming.AppContainer, Reason: "ContainerCreating", Since: at(since)}
	return pod
}

func waiting(reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "about " + reason},
	}}
}

func running() corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
}

func terminated(code int32) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{Terminated: exit(code)}}
}

func exit(code int32) *corev1.ContainerStateTerminated {
	return &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: "Error", Message: "last words", StartedAt: metav1.NewTime(at(1)), FinishedAt: metav1.NewTime(at(5)),
	}
}

// restarted returns the container after this many restarts, the last one after an exit with the
// code.
func restarted(status corev1.ContainerStatus, times, code int32) corev1.ContainerStatus {
	status.RestartCount, status.LastTerminationState.Terminated = times, exit(code)
	return status
}

// gone returns what the store keeps of a container that has exited this many times.
func gone(name string, times, code int32) model.Container {
	return model.Container{Name: name, Exits: times, LastExit: &model.Exit{Code: code, Reason: "Error", Message: "last words", At: at(5)}}
}

func TestExits(t *testing.T) {
	tests := map[string]struct {
		status corev1.ContainerStatus
		want   []model.Container
	}{
		"R17 it runs, as it always did":            {running(), nil},
		"R17 it runs, after restarts":              {restarted(running(), 2, 7), []model.Container{gone("app", 2, 7)}},
		"R17 it has exited for the first time":     {terminated(7), []model.Container{gone("app", 1, 7)}},
		"R17 it has exited again":                  {restarted(terminated(7), 2, 1), []model.Container{gone("app", 3, 7)}},
		"R17 it has exited well, which it may not": {terminated(0), []model.Container{gone("app", 1, 0)}},
		"R17 it waits after its first exit":        {restarted(waiting("CrashLoopBackOff"), 0, 7), []model.Container{gone("app", 1, 7)}},
		"R17 it waits after its third exit":        {restarted(waiting("CrashLoopBackOff"), 2, 7), []model.Container{gone("app", 3, 7)}},
		"R17 nothing is known of it yet":           {corev1.ContainerStatus{}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := reduce(pod("a", test.status), model.Pod{}, at(9))
			if diff := cmp.Diff(kept("a", test.want...), got); diff != "" {
				t.Errorf("reduce (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStarting checks pods whose containers are not created yet: R18 requires the reason to be
// reported.
func TestStarting(t *testing.T) {
	const init = "init"
	of := func(name string, status corev1.ContainerStatus) corev1.ContainerStatus {
		status.Name = name
		return status
	}
	ready := func(status corev1.ConditionStatus) []corev1.PodCondition {
		return []corev1.PodCondition{{Type: corev1.PodReadyToStartContainers, Status: status}}
	}
	began := &model.Starting{Container: init, Reason: "PodInitializing", Since: at(1)}
	tests := map[string]struct {
		app    corev1.ContainerStatus
		init   []corev1.ContainerStatus
		edit   func(*corev1.Pod)
		before model.Pod
		want   *model.Starting
	}{
		"R18 it runs":                     {app: running()},
		"R18 nothing is known of it yet":  {app: corev1.ContainerStatus{}},
		"R18 it waits for something else": {app: waiting("ErrImagePull")},
		"R18 it is created":               {app: waiting("ContainerCreating"), want: creating(model.Pod{}, 9).Starting},
		"R18 it has been created for long": {
			app: waiting("ContainerCreating"), before: model.Pod{Starting: began}, want: creating(model.Pod{}, 1).Starting,
		},
		"R18 without volumes or network": {
			app: waiting("ContainerCreating"), edit: func(p *corev1.Pod) { p.Status.Conditions = ready("False") },
			want: &model.Starting{Container: "app", Reason: "ContainerCreating", Sandbox: ptr.To(false), Since: at(9)},
		},
		"R18 with them": {
			app: waiting("ContainerCreating"), edit: func(p *corev1.Pod) { p.Status.Conditions = ready("True") },
			want: &model.Starting{Container: "app", Reason: "ContainerCreating", Sandbox: ptr.To(true), Since: at(9)},
		},
		"R18 an init container is created": {
			app: waiting("PodInitializing"), init: []corev1.ContainerStatus{of(init, waiting("PodInitializing"))},
			want: &model.Starting{Container: init, Reason: "PodInitializing", Since: at(9)},
		},
		"R18 an init container runs": {
			app: waiting("PodInitializing"), init: []corev1.ContainerStatus{of("first", terminated(0)), of(init, running())},
			want: &model.Starting{Container: init, Reason: "PodInitializing", Init: true, Since: at(9)},
		},
		"R18 a sidecar runs": {
			app: waiting("PodInitializing"), init: []corev1.ContainerStatus{of(init, running())},
			edit: func(p *corev1.Pod) {
				p.Spec.InitContainers = []corev1.Container{{Name: init, RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)}}
			},
			want: &model.Starting{Container: "app", Reason: "PodInitializing", Since: at(9)},
		},
		"R18 it is to end": {
			app: waiting("ContainerCreating"), edit: func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.NewTime(noon)) },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			seen := pod("a", test.app)
			seen.Status.InitContainerStatuses = test.init
			if test.edit != nil {
				test.edit(seen)
			}
			if diff := cmp.Diff(test.want, reduce(seen, test.before, at(9)).Starting); diff != "" {
				t.Errorf("Starting (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReadySeen checks that the duration of readiness is measured by the operator's clock.
func TestReadySeen(t *testing.T) {
	readySince := func(seconds int) *corev1.Pod {
		seen := pod("a", running())
		seen.Status.Conditions = []corev1.PodCondition{
			{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(at(seconds))},
		}
		return seen
	}
	first := reduce(readySince(3600), model.Pod{}, at(1))
	again := reduce(readySince(3600), first, at(9))
	anew := reduce(readySince(3700), again, at(20))
	if diff := cmp.Diff([]time.Time{at(1), at(1), at(20)}, []time.Time{first.ReadySeen, again.ReadySeen, anew.ReadySeen}); diff != "" {
		t.Errorf("R14 ReadySeen (-want +got):\n%s", diff)
	}
}

func TestInitContainers(t *testing.T) {
	const init = "init"
	tests := map[string]struct {
		status corev1.ContainerStatus
		want   []model.Container
	}{
		"R17 one that did its work":                     {terminated(0), nil},
		"R17 one that did its work in the end":          {restarted(terminated(0), 2, 7), nil},
		"R17 one that failed":                           {terminated(7), []model.Container{gone(init, 1, 7)}},
		"R17 one that fails again and again":            {restarted(waiting("CrashLoopBackOff"), 2, 7), []model.Container{gone(init, 3, 7)}},
		"R17 a sidecar that failed and runs":            {restarted(running(), 1, 7), []model.Container{gone(init, 1, 7)}},
		"R17 a sidecar that exits well again and again": {restarted(waiting("CrashLoopBackOff"), 2, 0), []model.Container{gone(init, 3, 0)}},
		"R17 a sidecar that exited well just now":       {terminated(0), []model.Container{gone(init, 1, 0)}},
		"R17 one whose image cannot be pulled": {
			waiting("ErrImagePull"),
			[]model.Container{{Name: init, Waiting: "ErrImagePull", Message: "about ErrImagePull", Since: at(9)}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			seen := pod("a", restarted(running(), 1, 3))
			if strings.Contains(name, "sidecar") {
				seen.Spec.InitContainers = []corev1.Container{{Name: init, RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)}}
			}
			test.status.Name = init
			seen.Status.InitContainerStatuses = []corev1.ContainerStatus{test.status}
			want := kept("a", append(test.want, gone("app", 1, 3))...)
			if diff := cmp.Diff(want, reduce(seen, model.Pod{}, at(9))); diff != "" {
				t.Errorf("reduce (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSince plays states of a container, ten seconds each: the grace periods of R17 are based on
// the stored times.
func TestSince(t *testing.T) {
	tests := map[string]struct {
		states []corev1.ContainerStatus
		want   []int // seconds after noon, -1 if it does not wait
	}{
		"R17 the same reason": {
			[]corev1.ContainerStatus{waiting("ErrImagePull"), waiting("ErrImagePull")}, []int{0, 0},
		},
		"R17 reasons that take turns": {
			[]corev1.ContainerStatus{waiting("ErrImagePull"), waiting("ImagePullBackOff"), waiting("ErrImagePull")}, []int{0, 0, 0},
		},
		"R17 another trouble": {
			[]corev1.ContainerStatus{waiting("ImagePullBackOff"), waiting("CreateContainerConfigError")}, []int{0, 0},
		},
		"R17 it ran in between": {
			[]corev1.ContainerStatus{waiting("ErrImagePull"), running(), waiting("CreateContainerError")}, []int{0, -1, 20},
		},
		"R17 it exited in between": {
			[]corev1.ContainerStatus{
				waiting("ErrImagePull"), restarted(waiting("CrashLoopBackOff"), 0, 7), restarted(waiting("ErrImagePull"), 0, 7),
			},
			[]int{0, -1, 20},
		},
		"R17 from the first trouble": {
			[]corev1.ContainerStatus{waiting("ContainerCreating"), waiting("CreateContainerConfigError")}, []int{-1, 10},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var (
				seen model.Pod
				got  []int
			)
			for i, state := range test.states {
				seen = reduce(pod("a", state), seen, at(10*i))
				since := -1
				if len(seen.Containers) == 1 && seen.Containers[0].Waiting != "" {
					since = int(seen.Containers[0].Since.Sub(noon).Seconds())
				}
				got = append(got, since)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Since (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSinceIsKeptOfEachContainer checks that the waiting times of a pod's containers are
// independent.
func TestSinceIsKeptOfEachContainer(t *testing.T) {
	with := func(app, sidecar corev1.ContainerStatus) *corev1.Pod {
		seen := pod("a", app)
		sidecar.Name = "sidecar"
		seen.Status.ContainerStatuses = append(seen.Status.ContainerStatuses, sidecar)
		return seen
	}
	first := reduce(with(running(), waiting("ErrImagePull")), model.Pod{}, at(0))
	second := reduce(with(waiting("ErrImagePull"), waiting("ImagePullBackOff")), first, at(10))
	want := kept("a",
		model.Container{Name: "app", Waiting: "ErrImagePull", Message: "about ErrImagePull", Since: at(10)},
		model.Container{Name: "sidecar", Waiting: "ImagePullBackOff", Message: "about ImagePullBackOff", Since: at(0)})
	if diff := cmp.Diff(want, second); diff != "" {
		t.Errorf("R17 reduce (-want +got):\n%s", diff)
	}
}

func TestReduce(t *testing.T) {
	condition := func(conditionType corev1.PodConditionType, status corev1.ConditionStatus, reason string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
				Type: conditionType, Status: status, Reason: reason, Message: "0/3 nodes are available",
				LastTransitionTime: metav1.NewTime(at(3)),
			})
		}
	}
	owner := func(edit func(*metav1.OwnerReference)) func(*corev1.Pod) {
		return func(p *corev1.Pod) { edit(&p.OwnerReferences[0]) }
	}
	nothing := func(*model.Pod) {}
	noSet := func(m *model.Pod) { m.ReplicaSet = model.Owner{} }
	phase := func(phase corev1.PodPhase) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.Phase = phase }
	}
	over := func(m *model.Pod) { m.Ended = true }
	tests := map[string]struct {
		edit func(*corev1.Pod)
		want func(*model.Pod)
	}{
		"R14 an evicted pod is over":      {phase(corev1.PodFailed), over},
		"R14 so is one that did its work": {phase(corev1.PodSucceeded), over},
		"R17 a pod that is well":          {func(*corev1.Pod) {}, nothing},
		"R17 of another component": {
			func(p *corev1.Pod) { p.Labels[naming.LabelComponent] = "worker" },
			func(m *model.Pod) { m.Component = "worker" },
		},
		"R17 it is ready": {
			condition("Ready", "True", ""), func(m *model.Pod) { m.ReadySince, m.ReadySeen = ptr.To(at(3)), noon },
		},
		"R17 it is not ready":             {condition("Ready", "False", ""), nothing},
		"R17 only its containers are":     {condition("ContainersReady", "True", ""), nothing},
		"R17 it is scheduled":             {condition("PodScheduled", "True", ""), nothing},
		"R17 its scheduling is held back": {condition("PodScheduled", "False", "SchedulingGated"), nothing},
		"R17 no node takes it": {
			condition("PodScheduled", "False", "Unschedulable"),
			func(m *model.Pod) { m.Unschedulable = "0/3 nodes are available" },
		},
		"R17 it is being deleted": {
			func(p *corev1.Pod) {
				p.DeletionTimestamp, p.Finalizers, p.Spec.NodeName = ptr.To(metav1.NewTime(at(9))), []string{"a/b"}, "node-1"
			},
			func(m *model.Pod) {
				m.Terminating, m.EndsBy, m.Finalizers, m.Node = true, at(9), []string{"a/b"}, "node-1"
			},
		},
		"R17 nothing owns it":               {func(p *corev1.Pod) { p.OwnerReferences = nil }, noSet},
		"R17 its owner does not control it": {owner(func(o *metav1.OwnerReference) { o.Controller = nil }), noSet},
		"R17 a StatefulSet does":            {owner(func(o *metav1.OwnerReference) { o.Kind = "StatefulSet" }), noSet},
		"R17 a ReplicaSet of another API":   {owner(func(o *metav1.OwnerReference) { o.APIVersion = "example.com/v1" }), noSet},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			seen, want := pod("a", running()), kept("a")
			test.edit(seen)
			test.want(&want)
			if diff := cmp.Diff(want, reduce(seen, model.Pod{}, noon)); diff != "" {
				t.Errorf("reduce (-want +got):\n%s", diff)
			}
		})
	}
}
