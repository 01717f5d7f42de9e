// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package rollout_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/rollout"
)

// progress sets the last progress reported by the Deployment controller, in seconds after noon.
func progress(reason string, updated int) change {
	return has(appsv1.DeploymentCondition{
		Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: reason, LastUpdateTime: metav1.NewTime(at(updated)),
		LastTransitionTime: metav1.NewTime(at(-1000)), // not the time of the last progress
	})
}

// ofLast applies a change of component main to the last component.
func ofLast(changed change) change {
	return func(in *rollout.Input) {
		last := *in
		last.Components = in.Components[len(in.Components)-1:]
		changed(&last)
	}
}

// asked sets since when the pods are watched, in seconds after noon.
func asked(seconds int) change { return func(in *rollout.Input) { in.PodsAsked = at(seconds) } }

func TestDeadline(t *testing.T) {
	const (
		updated  = "ReplicaSetUpdated"
		timedOut = "ProgressDeadlineExceeded"
		overdue  = "failed: component main: ProgressDeadlineExceeded"
	)
	verdicts{
		"R17 before the deadline":                 {599, nil, "again in 1s"},
		"R17 at the deadline":                     {600, nil, overdue},
		"R17 a Deployment that is not there":      {600, []change{func(in *rollout.Input) { in.Components[0].Deployment = nil }}, overdue},
		"R17 a Deployment that is not written":    {600, []change{unwritten, runs(0)}, overdue},
		"R17 with DeadlineOnly":                   {600, []change{deadlineOnly}, overdue},
		"R16a from the end of a pause, before":    {699, []change{resumed(100)}, "again in 1s"},
		"R16a from the end of a pause, at it":     {700, []change{resumed(100)}, overdue},
		"R16a a pause before the rollout":         {600, []change{resumed(-100)}, overdue},
		"R17 from the last progress, before":      {649, []change{progress(updated, 50)}, "again in 1s"},
		"R17 from the last progress, at it":       {650, []change{progress(updated, 50)}, overdue},
		"R17 progress of an earlier rollout":      {600, []change{progress(updated, -50)}, overdue},
		"R17 progress of before a pause":          {700, []change{progress(updated, 50), resumed(100)}, overdue},
		"R17 progress after a pause":              {700, []change{progress(updated, 150), resumed(100)}, "again in 50s"},
		"R17 an old verdict of the controller":    {10, []change{progress(timedOut, -50)}, "again in 9m50s"},
		"R17 a verdict as old as the rollout":     {10, []change{progress(timedOut, 0)}, "again in 9m50s"},
		"R16a a verdict of before a pause":        {110, []change{progress(timedOut, 50), resumed(100)}, "again in 9m50s"},
		"R17 a new verdict may count from before": {300, []change{progress(timedOut, 300)}, "again in 5m0s"},
		"R6 a component that came to run has the time of the others": {
			900, []change{arrived, worker(), ofLast(progress(updated, 800))}, "again in 8m20s",
		},
		"R6 and fails when nothing makes progress": {
			1400, []change{arrived, worker(), ofLast(progress(updated, 800))}, overdue,
		},
		"R17 R6 pods that are refused have the time of the others": {
			900, []change{has(replicaFailure(890)), worker(), ofLast(progress(updated, 880))}, "again in 20s",
		},
		"R17 which is not for ever": {
			1480, []change{has(replicaFailure(1470)), worker(), ofLast(progress(updated, 880))}, overdue + " (ReplicaFailure)",
		},
		"R17 pods are waited for, to explain":          {602, []change{podsUnknown, asked(598)}, "again in 1s"},
		"R17 pods that stay unknown hold nothing up":   {603, []change{podsUnknown, asked(598)}, overdue},
		"R17 pods that are known hold nothing up":      {600, []change{asked(598)}, overdue},
		"R17 pods that are not known yet, long before": {100, []change{podsUnknown, asked(99)}, "again in 5s"},
		"R17 each component has its own time": {
			620, []change{progress(updated, 50), worker()}, "failed: component worker: ProgressDeadlineExceeded",
		},
	}.run(t)
}

func TestFailureReportOfADeadline(t *testing.T) {
	const late = "no progress for 600 s: shop: 1 of 3 new pods created"
	unready := model.Pod{Name: "shop-a"}
	tests := map[string]struct {
		changes []change
		want    model.Failure
	}{
		"R18 nothing to be seen": {nil, model.Failure{Message: late}},
		"R18 pods that are not known": {
			[]change{podsUnknown, sees(exited("shop-a", 2, 60))}, model.Failure{Message: late},
		},
		"R18 a container that exited": {
			[]change{sees(exited("shop-a", 2, 60))},
			model.Failure{
				Pod: "shop-a", Container: "app", ExitCode: ptr.To[int32](7),
				Message: late + "; CrashLoopBackOff: the container exited 2 times, last with code 7 (Error); its last words:\nno database",
			},
		},
		"R18 a container that exited once": {
			[]change{sees(exited("shop-a", 1, 60))},
			model.Failure{
				Pod: "shop-a", Container: "app", ExitCode: ptr.To[int32](7),
				Message: late + "; CrashLoopBackOff: the container exited with code 7 (Error); its last words:\nno database",
			},
		},
		"R18 the worst of several pods": {
			[]change{deadlineOnly, sees(unready, waits("shop-b", "ErrImagePull", 0), exited("shop-c", 3, 20), ready("shop-d", 10))},
			model.Failure{
				Pod: "shop-c", Container: "app", ExitCode: ptr.To[int32](7),
				Message: late + "; CrashLoopBackOff: the container exited 3 times, last with code 7 (Error); its last words:\nno database",
			},
		},
		"R18 the worst one comes first, and other pods after it": {
			[]change{deadlineOnly, sees(waits("shop-a", "ErrImagePull", 0), unready, waits("shop-c", "CreateContainerError", 5))},
			model.Failure{Pod: "shop-a", Container: "app", Message: late + "; ErrImagePull: the container does not start"},
		},
		"R18 a pod that is merely not ready says less": {
			[]change{sees(unready, exited("shop-b", 2, 60))},
			model.Failure{
				Pod: "shop-b", Container: "app", ExitCode: ptr.To[int32](7),
				Message: late + "; CrashLoopBackOff: the container exited 2 times, last with code 7 (Error); its last words:\nno database",
			},
		},
		"R18 that no pod could be created": {
			[]change{has(replicaFailure(590))},
			model.Failure{
				Message: late + "; ReplicaFailure: exceeded quota: pods",
				Advice:  "the quota has no room for so many pods: raise it, or lower replicas",
			},
		},
		"R18 a pod that no node takes": {
			[]change{sees(model.Pod{Name: "shop-a", Unschedulable: "0/3 nodes are available"})},
			model.Failure{Pod: "shop-a", Message: late + "; Unschedulable: no node takes the pod: 0/3 nodes are available"},
		},
		"R18 a pod that does not get ready": {
			[]change{sees(unready)},
			model.Failure{Pod: "shop-a", Message: late + "; NotReady: the pod does not get ready: look at its readiness probe"},
		},
		"R18 pods that end say nothing": {
			[]change{sees(ending(exited("shop-a", 3, 60)))}, model.Failure{Message: late},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, seen, ok := strings.Cut(test.want.Message, "; "); ok {
				test.want.Cause, _, _ = strings.Cut(seen, ":")
			}
			test.want.Reason, test.want.Component, test.want.At = v1alpha1.FailureProgressDeadlineExceeded, "main", at(600)
			if diff := cmp.Diff(&test.want, judged(600, test.changes...).Failure); diff != "" {
				t.Errorf("Failure (-want +got):\n%s", diff)
			}
		})
	}
}
