// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package rollout_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/rollout"
)

func TestRecovery(t *testing.T) {
	const stays = "all pods are ready, and have to stay so for a while"
	three := sees(ready("shop-a", 800), ready("shop-b", 820), ready("shop-c", 810))
	tests := map[string]struct {
		now     int
		changes []change
		want    rollout.Verdict
	}{
		"R13 a failed rollout does not fail again": {
			900, []change{sees(exited("shop-a", 5, 800)), has(replicaFailure(0))},
			rollout.Verdict{Waits: "shop: 1 of 3 new pods created"},
		},
		"R13 a rejected write does not fail it again": {
			900, []change{refused}, rollout.Verdict{Waits: "component main: the API server rejected it"},
		},
		"R14 all pods have been ready for 10 s": {830, []change{runs(0), three}, rollout.Verdict{Complete: true}},
		"R14 one pod has been ready for less than 10 s": {
			823, []change{runs(0), three}, rollout.Verdict{Waits: stays, Again: 7 * time.Second},
		},
		"R14 one pod of another component has been ready for less than 10 s": {
			830, []change{runs(0), three, worker(ready("shop-worker-a", 826), ready("shop-worker-b", 820), ready("shop-worker-c", 820)), runs(1)},
			rollout.Verdict{Waits: stays, Again: 6 * time.Second},
		},
		"R14 a pod is not ready": {
			900, []change{runs(0), three, sees(model.Pod{Name: "shop-d"})}, rollout.Verdict{Waits: "main: a pod is not ready"},
		},
		"R14 a terminating pod does not count": {
			830, []change{runs(0), three, sees(ending(model.Pod{Name: "shop-d"}), ending(ready("shop-e", 829)))},
			rollout.Verdict{Complete: true},
		},
		"R14 earlier exits of containers do not count": {
			830, []change{runs(0), sees(ready("shop-b", 820), ready("shop-c", 810), model.Pod{
				Name: "shop-a", ReadySince: ready("", 820).ReadySince, ReadySeen: at(820), Containers: exited("", 9, 700).Containers,
			})},
			rollout.Verdict{Complete: true},
		},
		"R14 a finished pod does not count": {
			830, []change{runs(0), three, sees(over(model.Pod{Name: "shop-d"}))}, rollout.Verdict{Complete: true},
		},
		"R14 no pod at all proves nothing": {
			900, []change{func(in *rollout.Input) {
				in.Components[0].Deployment.Spec.Replicas = ptr.To[int32](0)
				in.Components[0].Deployment.Status = appsv1.DeploymentStatus{ObservedGeneration: 2}
			}}, rollout.Verdict{Waits: "no pod is to run, which proves nothing"},
		},
		"R14 a pod is not seen yet": {
			830, []change{runs(0), sees(ready("shop-a", 800), ready("shop-b", 800))},
			rollout.Verdict{Waits: "main: a pod is not seen yet"},
		},
		"R14 the pods are not known": {
			900, []change{runs(0), three, podsUnknown}, rollout.Verdict{Waits: "the pods are not seen yet"},
		},
		"R14 a Deployment that does not have the revision": {
			900, []change{runs(0), three, unwritten}, rollout.Verdict{Waits: "component main: its Deployment is not written yet"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := judged(test.now, append(test.changes, failedOnce)...)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Judge (-want +got):\n%s", diff)
			}
		})
	}
}
