// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package rollout_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/rollout"
)

// gone sets when a pod was last deleted, in seconds after noon.
func gone(seconds int) change { return func(in *rollout.Input) { in.PodsGone = at(seconds) } }

// replacing makes component i have this many pods of earlier revisions and of its own.
func replacing(i int, earlier, updated int32) change {
	return func(in *rollout.Input) {
		in.Components[i].Deployment.Status.Replicas, in.Components[i].Deployment.Status.UpdatedReplicas = earlier+updated, updated
	}
}

// surge sets maxSurge of component main's rollout.
func surge(pods int32) change {
	return func(in *rollout.Input) {
		in.Components[0].Deployment.Spec.Strategy = appsv1.DeploymentStrategy{
			Type:          appsv1.RollingUpdateDeploymentStrategyType,
			RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: ptr.To(intstr.FromInt32(pods))},
		}
	}
}

func TestReplicaFailure(t *testing.T) {
	const fails = "failed: component main: ReplicaFailure"
	over := replicaFailure(0)
	over.Status = corev1.ConditionFalse
	created := func(in *rollout.Input) { in.Components[0].Deployment.Status.UpdatedReplicas = 3 }
	denied := replicaFailure(0)
	denied.Message = `violates PodSecurity "restricted:latest"`
	lasting := func(in *rollout.Input) { in.Components[1].Deployment.Spec.MinReadySeconds = 20 }
	unready := model.Pod{Name: "shop-b"}
	verdicts{
		"R17 pods rejected for less than 30 s":                    {69, []change{has(replicaFailure(40))}, "again in 1s"},
		"R17 pods rejected for 30 s":                              {70, []change{has(replicaFailure(40))}, fails},
		"R17 a condition that is no longer true":                  {70, []change{has(over)}, "again in 8m50s"},
		"R17 pods rejected since an earlier rollout, before 30 s": {29, []change{has(replicaFailure(-100))}, "again in 1s"},
		"R17 pods rejected since an earlier rollout, after 30 s":  {30, []change{has(replicaFailure(-100))}, fails},
		"R17 pods rejected since before a pause":                  {129, []change{has(replicaFailure(0)), resumed(100)}, "again in 1s"},
		"R17 a terminating pod is about to make room": {
			70, []change{has(replicaFailure(0)), terminating}, "again in 8m50s",
		},
		"R17 all new pods are created, old ones are not": {70, []change{has(replicaFailure(0)), created}, "again in 8m50s"},
		"R17 unknown pods may be terminating":            {70, []change{has(replicaFailure(0)), podsUnknown}, "again in 5s"},

		"R17 the 30 s start again when a pod is gone":                  {69, []change{has(replicaFailure(20)), gone(40)}, "again in 1s"},
		"R17 the restarted 30 s are over":                              {70, []change{has(replicaFailure(20)), gone(40)}, fails},
		"R17 the wait grows with the time before room, before its end": {89, []change{has(replicaFailure(0)), gone(45)}, "again in 1s"},
		"R17 the wait grows with the time before room, at its end":     {90, []change{has(replicaFailure(0)), gone(45)}, fails},
		"R17 a pod that was gone before pods were rejected":            {70, []change{has(replicaFailure(40)), gone(30)}, fails},

		"R17 another component's new pod is about to make room": {
			120, []change{has(replicaFailure(0)), worker(unready), replacing(1, 1, 1)}, "again in 8m0s",
		},
		"R17 a new pod that replaces none makes no room": {
			120, []change{has(replicaFailure(0)), worker(unready), replacing(1, 0, 1)}, fails,
		},
		"R17 a new pod that is ready has made its room": {
			120, []change{has(replicaFailure(0)), worker(ready("shop-worker-a", 20)), replacing(1, 1, 1)}, fails,
		},
		"R17 a pod of a component without the revision makes no room": {
			120, []change{has(replicaFailure(0)), worker(unready), replacing(1, 1, 1), ofLast(unwritten)}, fails,
		},
		"R17 the component's own new pod is about to make room": {120, []change{has(replicaFailure(0)), sees(unready)}, "again in 8m0s"},
		"R17 the 30 s start again with another component's progress": {
			59, []change{has(replicaFailure(0)), worker(), ofLast(progress("ReplicaSetUpdated", 30))}, "again in 1s",
		},
		"R17 the 30 s after another component's progress are over": {
			60, []change{has(replicaFailure(0)), worker(), ofLast(progress("ReplicaSetUpdated", 30))}, fails,
		},
		"R17 a ready pod makes room after minReadySeconds, before 30 s": {
			99, []change{has(replicaFailure(0)), worker(), replacing(1, 1, 1), lasting, ofLast(progress("ReplicaSetUpdated", 30))}, "again in 1s",
		},
		"R17 a ready pod makes room after minReadySeconds, after 30 s": {
			100, []change{has(replicaFailure(0)), worker(), replacing(1, 1, 1), lasting, ofLast(progress("ReplicaSetUpdated", 30))}, fails,
		},
		"R17 Pod Security rejects pods, before 30 s": {
			29, []change{has(denied), worker(unready), replacing(1, 1, 1), gone(10)}, "again in 1s",
		},
		"R17 Pod Security rejects pods, after 30 s": {
			30, []change{has(denied), worker(unready), replacing(1, 1, 1), gone(10)}, fails,
		},
		"R17 Pod Security rejects pods, and a pod of the component is terminating": {30, []change{has(denied), terminating}, "again in 9m30s"},
		"R17 Pod Security rejects pods, and a pod of another component is terminating": {
			30, []change{has(denied), worker(), holds(ofWorker(lingering(60)))}, fails,
		},
		"R17 two components that wait for each other": {
			30, []change{has(replicaFailure(0)), worker(), ofLast(has(replicaFailure(0))), replacing(1, 1, 0)}, fails,
		},
		"R17 room that never comes": {
			600, []change{has(replicaFailure(0)), terminating}, "failed: component main: ProgressDeadlineExceeded (ReplicaFailure)",
		},
	}.run(t)
}

// TestQuotaAdvice checks the advice when a quota blocks pods; there is none if the cause is
// different.
func TestQuotaAdvice(t *testing.T) {
	const (
		first = "the quota has no room for new pods beside old ones: raise it, or have old pods go first with " +
			"rollout.maxSurge: 0 and rollout.maxUnavailable: 1, or with rollout.strategy: Recreate"
		more = "the quota has no room for so many pods: raise it, or lower replicas"
	)
	denied := replicaFailure(0)
	denied.Message = `pods "shop-a" is forbidden: violates PodSecurity "restricted:latest"`
	exceeded := replicaFailure(0)
	exceeded.Message = `pods "shop-a" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=1, limited: pods=1`
	tests := map[string]struct {
		changes []change
		want    string
	}{
		"R18 new pods start before old ones stop": {[]change{has(exceeded), surge(1)}, first},
		"R18 old pods stop first":                 {[]change{has(exceeded), surge(0)}, more},
		"R18 with Recreate":                       {[]change{has(exceeded)}, more},
		"R18 no old pods":                         {[]change{has(exceeded), surge(1), replacing(0, 0, 1)}, more},
		"R18 another cause than a quota":          {[]change{has(denied), surge(1)}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			failure := judged(90, test.changes...).Failure
			if diff := cmp.Diff(test.want, failure.Advice); diff != "" {
				t.Errorf("Advice (-want +got):\n%s", diff)
			}
			if summary := "component main: ReplicaFailure"; test.want != "" && failure.Summary() != summary &&
				failure.Summary() != summary+" (exceeded quota: pods, requested: pods=1, used: pods=1, limited: pods=1)" {
				t.Errorf("R19 the summary is %q", failure.Summary())
			}
		})
	}
}
