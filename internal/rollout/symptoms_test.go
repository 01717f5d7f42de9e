// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package rollout_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/rollout"
)

// TestGraces checks the documented grace period of each state.
func TestGraces(t *testing.T) {
	tests := map[string]time.Duration{
		"InvalidImageName":           0,
		"ErrImagePull":               60 * time.Second,
		"ImagePullBackOff":           60 * time.Second,
		"ErrImageNeverPull":          60 * time.Second,
		"CreateContainerConfigError": 60 * time.Second,
		"CreateContainerError":       60 * time.Second,
		"RunContainerError":          60 * time.Second,
	}
	for reason, grace := range tests {
		t.Run("R17 "+reason, func(t *testing.T) {
			in := input(0, sees(waits("shop-a", reason, 20)))
			in.Now = at(20).Add(grace - time.Nanosecond)
			if diff := cmp.Diff("again in 1ns", brief(rollout.Judge(in))); diff != "" {
				t.Errorf("before the grace period ends (-want +got):\n%s", diff)
			}
			in.Now = at(20).Add(grace)
			if diff := cmp.Diff("failed: component main, container app: "+reason, brief(rollout.Judge(in))); diff != "" {
				t.Errorf("at the end of the grace period (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPodStates(t *testing.T) {
	const (
		crashed = "failed: component main, container app: CrashLoopBackOff, exit code 7"
		noPull  = "failed: component main, container app: ErrImagePull"
	)
	verdicts{
		"R17 a container waits for a reason that may pass": {300, []change{sees(waits("shop-a", "Odd", 0))}, "again in 5m0s"},
		"R17 two exits are not a crash loop":               {60, []change{sees(exited("shop-a", 2, 60))}, "again in 9m0s"},
		"R17 three exits are a crash loop at once":         {60, []change{sees(exited("shop-a", 3, 60))}, crashed},
		"R17 nine exits are a crash loop":                  {90, []change{sees(exited("shop-a", 9, 60))}, crashed},
		"R17 exits of two containers do not add up": {
			60, []change{sees(exited("shop-a", 2, 50), exited("shop-b", 2, 60))}, "again in 9m0s",
		},
		"R17 exits without details": {
			60, []change{sees(model.Pod{Name: "shop-a", Containers: []model.Container{{Name: "app", Exits: 3}}})}, "again in 9m0s",
		},
		"R17 a pod that became ready since the symptom defers it": {
			90, []change{sees(waits("shop-a", "ErrImagePull", 20), ready("shop-b", 25))}, "again in 8m30s",
		},
		"R17 a pod that became ready before the symptom defers nothing": {
			90, []change{sees(waits("shop-a", "ErrImagePull", 20), ready("shop-b", 15))}, noPull,
		},
		"R17 a pod that became ready between two symptoms defers the first": {
			90, []change{sees(waits("shop-a", "CreateContainerError", 20), ready("shop-b", 25), waits("shop-c", "ErrImagePull", 30))}, noPull,
		},
		"R17 a ready pod of another component defers nothing": {
			90, []change{sees(waits("shop-a", "ErrImagePull", 20)), worker(ready("shop-worker-a", 25))}, noPull,
		},
		"R17 a pod that became ready after the third exit defers the crash loop": {
			90, []change{sees(exited("shop-a", 3, 60), ready("shop-b", 70))}, "again in 8m30s",
		},
		"R17 a pod that became ready before the third exit does not": {90, []change{sees(exited("shop-a", 3, 60), ready("shop-b", 10))}, crashed},
		"R17 terminating pods do not count": {
			90, []change{sees(ending(waits("shop-a", "ErrImagePull", 0)), ending(exited("shop-b", 3, 60)))}, "again in 8m30s",
		},
		"R17 unknown pods have no symptoms": {
			90, []change{podsUnknown, sees(waits("shop-a", "InvalidImageName", 0), exited("shop-b", 3, 60))}, "again in 5s",
		},
		"R17 exits of a pod from before the rollout are left to the deadline": {
			90, []change{sees(older(exited("shop-a", 7, 60)))}, "again in 8m30s",
		},
		"R17 what a pod from before the rollout waits for fails it": {
			90, []change{sees(older(waits("shop-a", "ErrImagePull", 30)))}, "failed: component main, container app: ErrImagePull",
		},
		"R17 a failure of an earlier ReplicaSet does not count": {
			90, []change{has(replicaFailure(0)), func(in *rollout.Input) {
				in.Components[0].Earlier = []string{"shop-1a2b"}
				in.Components[0].Deployment.Status.Conditions[0].Message = `pods "shop-1a2b-" is forbidden: exceeded quota`
			}}, "again in 8m30s",
		},
		"R17 DeadlineOnly leaves symptoms of pods to the deadline": {
			90, []change{deadlineOnly, sees(waits("shop-a", "InvalidImageName", 0), exited("shop-b", 3, 60))},
			"again in 8m30s",
		},
		"R17 DeadlineOnly does not defer ReplicaFailure": {
			90, []change{deadlineOnly, has(replicaFailure(0))}, "failed: component main: ReplicaFailure",
		},
		"R17 DeadlineOnly does not defer a rejected write": {
			90, []change{deadlineOnly, refused}, "failed: component main: Rejected",
		},
		"R17 an earlier exit does not hide the waiting reason, before its time": {
			79, []change{sees(waitsAfterExit("shop-a", "ImagePullBackOff", 20))}, "again in 1s",
		},
		"R17 an earlier exit does not hide the waiting reason, after its time": {
			80, []change{sees(waitsAfterExit("shop-a", "ImagePullBackOff", 20))},
			"failed: component main, container app: ImagePullBackOff",
		},
		"R17 a finished pod does not count": {
			90, []change{sees(over(waits("shop-a", "InvalidImageName", 0)))}, "again in 8m30s",
		},
		"R17 a rejection before the Deployment is updated does not count": {
			90, []change{has(replicaFailure(0)), unwritten}, "again in 8m30s",
		},
		"R17 a rejection before the Deployment is observed does not count": {
			90, []change{has(replicaFailure(0)), unobserved}, "again in 8m30s",
		},
		"R17 a Service is rejected while all pods run": {
			90, []change{runs(0), refused}, "failed: component main: Rejected",
		},
		"R17 an unschedulable pod waits for the deadline": {
			599, []change{sees(model.Pod{Name: "shop-a", Unschedulable: "0/3 nodes are available"})}, "again in 1s",
		},
		"R17 a pod that does not get ready waits for the deadline": {599, []change{sees(model.Pod{Name: "shop-a"})}, "again in 1s"},
		"R17 the symptom that is due first is reported": {
			90, []change{sees(waits("shop-a", "CreateContainerError", 25), waits("shop-b", "ErrImagePull", 20))}, noPull,
		},
	}.run(t)
}

// TestHintStays sets a node's clock ahead of the operator's, with pods whose exits are left to the
// deadline: the reported hint must stay the same when the operator's clock reaches the node's time.
func TestHintStays(t *testing.T) {
	codes := func(pod model.Pod, code int32) model.Pod {
		pod.Containers[0].LastExit.Code = code
		return pod
	}
	pods := sees(codes(exited("shop-a", 3, 58), 1), codes(exited("shop-b", 3, 55), 2), ready("shop-c", 59))
	want := judged(10, pods).Waits
	for _, now := range []int{54, 56, 59} {
		if got := judged(now, pods).Waits; got != want {
			t.Errorf("R19 after 10 s: %q; after %d s: %q", want, now, got)
		}
	}
}

// TestFailureReport checks whole failure reports: the pods themselves are gone by then (R18).
func TestFailureReport(t *testing.T) {
	told := waits("shop-a", "ErrImagePull", 0)
	told.Containers[0].Message = "manifest unknown"
	tests := map[string]struct {
		changes []change
		want    model.Failure
	}{
		"R18 a crash loop has the container's last words": {
			[]change{sees(exited("shop-a", 3, 60))},
			model.Failure{
				Reason: v1alpha1.FailureCrashLoopBackOff, Component: "main", Pod: "shop-a", Container: "app", ExitCode: ptr.To[int32](7),
				Message: "the container exited 3 times, last with code 7 (Error); its last words:\nno database",
			},
		},
		"R18 a container that does not start has the kubelet's message": {
			[]change{sees(told)},
			model.Failure{
				Reason: v1alpha1.FailureErrImagePull, Component: "main", Pod: "shop-a", Container: "app", Message: "manifest unknown",
			},
		},
		"R18 a container that does not start, without a message": {
			[]change{sees(waits("shop-a", "ErrImagePull", 0))},
			model.Failure{
				Reason: v1alpha1.FailureErrImagePull, Component: "main", Pod: "shop-a", Container: "app",
				Message: "the container does not start",
			},
		},
		"R18 pods that cannot be created": {
			[]change{has(replicaFailure(0))},
			model.Failure{
				Reason: v1alpha1.FailureReplicaFailure, Component: "main", Message: "exceeded quota: pods",
				Advice: "the quota has no room for so many pods: raise it, or lower replicas",
			},
		},
		"R18 a rejected write": {
			[]change{func(in *rollout.Input) { in.Components[0].Refusal = &model.Rejection{Message: "denied by a webhook"} }},
			model.Failure{Reason: v1alpha1.FailureRejected, Component: "main", Message: "denied by a webhook"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.want.At = at(90)
			if diff := cmp.Diff(&test.want, judged(90, test.changes...).Failure); diff != "" {
				t.Errorf("Failure (-want +got):\n%s", diff)
			}
		})
	}
}
