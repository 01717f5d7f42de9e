// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package rollout_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/rollout"
)

// noon is the start of the rollouts in these tests.
var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// change changes the input of a test.
type change func(*rollout.Input)

// judged returns the verdict, this many seconds after noon, on a rollout of component main that has
// created one of three pods, with the changes applied.
func judged(now int, changes ...change) rollout.Verdict {
	return rollout.Judge(input(now, changes...))
}

func input(now int, changes ...change) rollout.Input {
	in := rollout.Input{
		Rollout:    model.Rollout{Revision: 2, Outcome: v1alpha1.OutcomeProgressing, StartedAt: noon},
		Policy:     rollout.Policy{Deadline: 10 * time.Minute},
		Components: []rollout.Component{component("main", "shop")},
		PodsKnown:  true,
		PodsAsked:  noon,
		Now:        at(now),
	}
	for _, change := range changes {
		change(&in)
	}
	return in
}

func component(name, deployment string) rollout.Component {
	return rollout.Component{Name: name, Written: true, Deployment: &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: deployment, Generation: 2},
		Spec:       appsv1.DeploymentSpec{Replicas: ptr.To[int32](3)},
		Status:     appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 4, UpdatedReplicas: 1, AvailableReplicas: 3},
	}}
}

// sees adds pods of component main.
func sees(pods ...model.Pod) change {
	return func(in *rollout.Input) { in.Components[0].Pods = append(in.Components[0].Pods, made(pods)...) }
}

// made sets the pods' creation time, if missing, to the rollout's start.
func made(pods []model.Pod) []model.Pod {
	for i := range pods {
		if pods[i].Made.IsZero() {
			pods[i].Made = at(0)
		}
	}
	return pods
}

// older returns the pod as one from before the rollout.
func older(pod model.Pod) model.Pod {
	pod.Made = at(-3600)
	return pod
}

// worker adds a second component with these pods.
func worker(pods ...model.Pod) change {
	return func(in *rollout.Input) {
		second := component("worker", "shop-worker")
		second.Pods = made(pods)
		in.Components = append(in.Components, second)
	}
}

// runs makes component i complete.
func runs(i int) change {
	return func(in *rollout.Input) {
		in.Components[i].Deployment.Status = appsv1.DeploymentStatus{
			ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 3,
		}
	}
}

// has adds a condition to component main's Deployment.
func has(condition appsv1.DeploymentCondition) change {
	return func(in *rollout.Input) {
		status := &in.Components[0].Deployment.Status
		status.Conditions = append(status.Conditions, condition)
	}
}

// replicaFailure is the condition that pods cannot be created since this many seconds after noon.
func replicaFailure(since int) appsv1.DeploymentCondition {
	return appsv1.DeploymentCondition{
		Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate",
		LastTransitionTime: metav1.NewTime(at(since)), Message: "exceeded quota: pods",
	}
}

func podsUnknown(in *rollout.Input)  { in.PodsKnown = false }
func deadlineOnly(in *rollout.Input) { in.Policy.DeadlineOnly = true }
func terminating(in *rollout.Input) {
	in.Terminating = []model.Pod{{Name: "shop-old", Component: "main"}}
}
func unwritten(in *rollout.Input)  { in.Components[0].Written = false }
func refused(in *rollout.Input)    { in.Components[0].Refusal = &model.Rejection{Message: "no"} }
func arrived(in *rollout.Input)    { in.Components[0].Arrived = true }
func unobserved(in *rollout.Input) { in.Components[0].Deployment.Generation++ }
func failedOnce(in *rollout.Input) {
	in.Rollout.Failure = &model.Failure{Reason: v1alpha1.FailureCrashLoopBackOff}
}

// resumed restarts the deadline this many seconds after noon.
func resumed(seconds int) change {
	return func(in *rollout.Input) { in.Rollout.ResumedAt = ptr.To(at(seconds)) }
}

// waits returns a pod whose app container waits for a reason since this many seconds after noon.
func waits(name, reason string, since int) model.Pod {
	return model.Pod{Name: name, Containers: []model.Container{{Name: "app", Waiting: reason, Since: at(since)}}}
}

// exited returns a pod whose app container has exited this many times, last this many seconds after
// noon.
func exited(name string, times int32, last int) model.Pod {
	return model.Pod{Name: name, Containers: []model.Container{{
		Name: "app", Exits: times, LastExit: &model.Exit{Code: 7, Reason: "Error", Message: "no database\n", At: at(last)},
	}}}
}

// waitsAfterExit returns a pod whose container exited once and waits for the reason since this many
// seconds after noon.
func waitsAfterExit(name, reason string, since int) model.Pod {
	pod := waits(name, reason, since)
	pod.Containers[0].Exits, pod.Containers[0].LastExit = 1, exited("", 1, since-1).Containers[0].LastExit
	return pod
}

// over returns the pod after it has ended, for example by an eviction.
func over(pod model.Pod) model.Pod {
	pod.Ended = true
	return pod
}

// ready returns a pod that has been ready since this many seconds after noon.
func ready(name string, since int) model.Pod {
	return model.Pod{Name: name, ReadySince: ptr.To(at(since)), ReadySeen: at(since)}
}

func ending(pod model.Pod) model.Pod {
	pod.Terminating = true
	return pod
}

// brief summarizes a verdict.
func brief(v rollout.Verdict) string {
	switch {
	case v.Failure != nil:
		return "failed: " + v.Failure.Summary()
	case v.Complete:
		return "complete"
	case v.Again != 0:
		return fmt.Sprint("again in ", v.Again)
	default:
		return "waits"
	}
}

type verdicts map[string]struct {
	now     int
	changes []change
	want    string
}

func (v verdicts) run(t *testing.T) {
	t.Helper()
	for name, test := range v {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, brief(judged(test.now, test.changes...))); diff != "" {
				t.Errorf("Judge (-want +got):\n%s", diff)
			}
		})
	}
}

func TestComponents(t *testing.T) {
	refused := func(i int) change {
		return func(in *rollout.Input) { in.Components[i].Refusal = &model.Rejection{Message: "quota exceeded"} }
	}
	none := func(in *rollout.Input) { in.Components[0].Deployment = nil }
	forbidden := func(since, until int) change {
		return func(in *rollout.Input) {
			in.Components[0].Refusal = &model.Rejection{Message: "exceeded quota", Since: at(since), At: at(until), Passing: true}
		}
	}
	verdicts{
		"R6 all complete":                                 {60, []change{worker(), runs(0), runs(1)}, "complete"},
		"R6 no components":                                {60, []change{func(in *rollout.Input) { in.Components = nil }}, "complete"},
		"R6 one of two is complete":                       {60, []change{worker(), runs(0)}, "again in 9m0s"},
		"R6 a Deployment that does not have the revision": {60, []change{runs(0), unwritten}, "again in 9m0s"},
		"R6 a Deployment that is not there":               {60, []change{none}, "again in 9m0s"},
		"R6 complete, with unknown pods":                  {60, []change{runs(0), podsUnknown}, "complete"},
		"R6 a complete component does not fail": {
			90, []change{runs(0), sees(exited("shop-a", 3, 60)), worker()}, "again in 8m30s",
		},
		"R17 the API server rejects a write":             {0, []change{refused(0)}, "failed: component main: Rejected"},
		"R17 the same before there are pods":             {0, []change{refused(0), none, podsUnknown}, "failed: component main: Rejected"},
		"R17 a missing permission may be granted":        {60, []change{forbidden(60, 60)}, "again in 5s"},
		"R17 a missing permission, not retried for long": {150, []change{forbidden(60, 89)}, "again in 5s"},
		"R17 a permission that is missing for 30 s":      {90, []change{forbidden(60, 90)}, "failed: component main: Rejected"},
		"R17 the first component that fails": {
			90, []change{sees(exited("shop-a", 3, 80)), worker(exited("shop-worker-a", 3, 60)), refused(1)},
			"failed: component main, container app: CrashLoopBackOff, exit code 7",
		},
		"R17 a later component, if it is the only one that fails": {
			90, []change{sees(exited("shop-a", 2, 80)), worker(exited("shop-worker-a", 3, 60))},
			"failed: component worker, container app: CrashLoopBackOff, exit code 7",
		},
		"R17 the next reconcile when the first symptom is due": {
			30, []change{sees(waits("shop-a", "ErrImagePull", 20)), worker(waits("shop-worker-a", "RunContainerError", 5))}, "again in 35s",
		},
		"R17 the next reconcile at the deadline, if that is earlier": {
			590, []change{sees(waits("shop-a", "ErrImagePull", 580)), worker()}, "again in 10s",
		},
	}.run(t)
}

func TestWaits(t *testing.T) {
	const (
		one     = "shop: 1 of 3 new pods created"
		noPull  = one + "; container app: ImagePullBackOff"
		crashes = one + "; container app: CrashLoopBackOff, exit code 7"
	)
	tests := map[string]struct {
		changes []change
		want    string
	}{
		"R19 what the Deployment waits for":         {nil, one},
		"R19 the first component that waits":        {[]change{worker(), runs(0)}, "shop-worker: 1 of 3 new pods created"},
		"R19 a Deployment without the revision":     {[]change{unwritten}, "component main: its Deployment is not written yet"},
		"R19 an image that cannot be pulled":        {[]change{sees(waits("shop-a", "ErrImagePull", 0))}, noPull},
		"R19 the same message between two pulls":    {[]change{sees(waits("shop-a", "ImagePullBackOff", 0))}, noPull},
		"R19 a container that exited":               {[]change{sees(exited("shop-a", 1, 5))}, crashes},
		"R19 the same message after another exit":   {[]change{sees(exited("shop-a", 2, 9))}, crashes},
		"R19 an unschedulable pod":                  {[]change{sees(model.Pod{Name: "shop-a", Unschedulable: "0/3"})}, one + "; Unschedulable"},
		"R19 a pod that is not ready yet is normal": {[]change{sees(model.Pod{Name: "shop-a"})}, one},
		"R19 pods that are not known":               {[]change{podsUnknown, sees(exited("shop-a", 1, 5))}, one},
		"R19 DeadlineOnly reports symptoms too": {
			[]change{deadlineOnly, sees(waits("shop-a", "InvalidImageName", 0))}, one + "; container app: InvalidImageName",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, judged(10, test.changes...).Waits); diff != "" {
				t.Errorf("Waits (-want +got):\n%s", diff)
			}
		})
	}
}
