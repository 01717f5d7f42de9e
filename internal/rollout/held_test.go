// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package rollout_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/rollout"
)

// holds adds pods that hold component main up: terminating earlier ones, or starting new ones.
func holds(pods ...model.Pod) change {
	return func(in *rollout.Input) {
		main := &in.Components[0]
		for _, pod := range pods {
			if pod.Component == "" {
				pod.Component = main.Name
			}
			if pod.Terminating {
				in.Terminating = append(in.Terminating, pod)
				continue
			}
			main.Starting, main.Pods = append(main.Starting, pod), append(main.Pods, pod)
		}
	}
}

// ofWorker returns the pod as one of component worker.
func ofWorker(pod model.Pod) model.Pod {
	pod.Component = "worker"
	return pod
}

// creating returns a pod whose container is being created since this many seconds after noon.
func creating(sandbox *bool, since int) model.Pod {
	return model.Pod{Name: "shop-a", Made: at(since), Starting: &model.Starting{
		Container: "app", Reason: "ContainerCreating", Sandbox: sandbox, Since: at(since),
	}}
}

// lingering returns a pod that should have ended by this many seconds after noon.
func lingering(by int, finalizers ...string) model.Pod {
	return model.Pod{Name: "shop-old", Terminating: true, EndsBy: at(by), Node: "node-1", Finalizers: finalizers}
}

// mounts makes component main's pods mount a claim.
func mounts(readOnly bool) change {
	return func(in *rollout.Input) {
		in.Components[0].Deployment.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data", ReadOnly: readOnly},
		}}}
	}
}

var (
	nowhere   = model.Pod{Name: "shop-a", Unschedulable: "0/3 nodes are available"}
	preparing = model.Pod{Name: "shop-a", Starting: &model.Starting{
		Container: "setup", Reason: "PodInitializing", Init: true, Since: at(5),
	}}
)

const claimed = "an old pod may hold the claim data, which only one node can mount with ReadWriteOnce, and only one pod with " +
	"ReadWriteOncePod: have old pods go first with rollout.strategy: Recreate"

// TestFailureReportOfHeldPods checks the failure report after the deadline for pods that do not
// start or do not end (R18).
func TestFailureReportOfHeldPods(t *testing.T) {
	const (
		late = "no progress for 600 s: shop: 1 of 3 new pods created; "
		kept = "pod shop-old on node node-1 is still terminating, with a grace period until 12:00:35 UTC: "
	)
	tests := map[string]struct {
		changes                         []change
		pod, container, message, advice string
	}{
		"R18 a container is being created": {
			[]change{holds(creating(nil, 5))}, "shop-a", "app",
			late + "ContainerCreating: the container is being created since 12:00:05 UTC: a volume may not attach or mount, " +
				"the network may not be set up, or the image is still being pulled: look at its events: kubectl describe pod shop-a", "",
		},
		"R18 a container is being created, without volumes or network": {
			[]change{holds(creating(ptr.To(false), 5))}, "shop-a", "app",
			late + "ContainerCreating: the container is being created since 12:00:05 UTC: a volume does not attach or mount, " +
				"or the network is not set up: look at its events: kubectl describe pod shop-a", "",
		},
		"R18 a container is being created, with volumes and network": {
			[]change{holds(creating(ptr.To(true), 5)), mounts(false), surge(1)}, "shop-a", "app",
			late + "ContainerCreating: the container is being created since 12:00:05 UTC: the pod has its volumes and its network, " +
				"so the image is still being pulled, or the runtime is slow: look at its events: kubectl describe pod shop-a", "",
		},
		"R18 an init container does not end": {
			[]change{holds(preparing)}, "shop-a", "setup",
			late + "PodInitializing: the init container has run since 12:00:05 UTC and does not end: " +
				"look at its log: kubectl logs shop-a -c setup", "",
		},
		"R18 a claim that an old pod may hold": {
			[]change{holds(creating(ptr.To(false), 5)), mounts(false), surge(1)}, "shop-a", "app",
			late + "ContainerCreating: the container is being created since 12:00:05 UTC: a volume does not attach or mount, " +
				"or the network is not set up: look at its events: kubectl describe pod shop-a", claimed,
		},
		"R18 a claim that restricts a pod to one node": {
			[]change{sees(nowhere), mounts(false), surge(1)}, "shop-a", "",
			late + "Unschedulable: no node takes the pod: 0/3 nodes are available", claimed,
		},
		"R18 a read-only claim": {
			[]change{sees(nowhere), mounts(true), surge(1)}, "shop-a", "",
			late + "Unschedulable: no node takes the pod: 0/3 nodes are available", "",
		},
		"R18 a claim whose old pods stop first": {
			[]change{sees(nowhere), mounts(false), surge(0)}, "shop-a", "",
			late + "Unschedulable: no node takes the pod: 0/3 nodes are available", "",
		},
		"R18 a pod does not end": {
			[]change{holds(lingering(35))}, "shop-old", "",
			late + "Terminating: " + kept + "look at it, and whether its node is ready: kubectl describe pod shop-old", "",
		},
		"R18 a pod with finalizers": {
			[]change{holds(lingering(35, "a.example/b", "c.example/d"))}, "shop-old", "",
			late + "Terminating: " + kept + "its finalizers keep it: a.example/b, c.example/d", "",
		},
		"R18 the pod whose grace period ends first": {
			[]change{holds(model.Pod{Name: "shop-older", Terminating: true, EndsBy: at(90)}, lingering(35, "a.example/b"))}, "shop-old", "",
			late + "Terminating: " + kept + "its finalizers keep it: a.example/b", "",
		},
		"R18 a pod that holds a claim": {
			[]change{sees(nowhere), holds(lingering(35, "a.example/b")), mounts(false), surge(1)}, "shop-a", "",
			late + "Unschedulable: no node takes the pod: 0/3 nodes are available; Terminating: " + kept +
				"its finalizers keep it: a.example/b", claimed,
		},
		"R18 a pod that holds a quota": {
			[]change{has(replicaFailure(0)), holds(lingering(35, "a.example/b")), surge(0)}, "", "",
			late + "ReplicaFailure: exceeded quota: pods; Terminating: " + kept + "its finalizers keep it: a.example/b",
			"the quota has no room for so many pods: raise it, or lower replicas",
		},
		"R18 a pod of another component that holds a quota": {
			[]change{has(replicaFailure(0)), holds(ofWorker(lingering(35, "a.example/b"))), surge(0)}, "", "",
			late + "ReplicaFailure: exceeded quota: pods; Terminating: " + kept + "its finalizers keep it: a.example/b",
			"the quota has no room for so many pods: raise it, or lower replicas",
		},
		"R18 a pod of another component that blocks nothing": {
			[]change{sees(nowhere), holds(ofWorker(lingering(35))), mounts(false)}, "shop-a", "",
			late + "Unschedulable: no node takes the pod: 0/3 nodes are available", "",
		},
		"R18 a pod that blocks nothing": {
			[]change{sees(nowhere), holds(lingering(35)), surge(1)}, "shop-a", "",
			late + "Unschedulable: no node takes the pod: 0/3 nodes are available", "",
		},
		"R18 a symptom of a new container takes precedence": {
			[]change{deadlineOnly, sees(waits("shop-a", "ErrImagePull", 5)), holds(lingering(35))}, "shop-a", "app",
			late + "ErrImagePull: the container does not start", "",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			failure := judged(600, test.changes...).Failure
			if failure == nil {
				t.Fatal("the rollout does not fail")
			}
			got := []string{failure.Pod, failure.Container, failure.Message, failure.Advice}
			if diff := cmp.Diff([]string{test.pod, test.container, test.message, test.advice}, got); diff != "" {
				t.Errorf("pod, container, message and advice (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWaitsForWhatHolds checks what the conditions report about such pods, and from when on.
func TestWaitsForWhatHolds(t *testing.T) {
	const one = "shop: 1 of 3 new pods created"
	tests := map[string]struct {
		now     int
		changes []change
		want    string
		again   string
	}{
		"R19 a container being created is normal for a minute": {64, []change{holds(creating(nil, 5))}, one, "again in 1s"},
		"R19 a container being created for a minute": {
			65, []change{holds(creating(nil, 5))},
			one + "; container app: ContainerCreating", "again in 8m55s",
		},
		"R19 an init container that does not end": {
			65, []change{holds(preparing)},
			one + "; container setup: PodInitializing", "again in 8m55s",
		},
		"R19 a claim that an old pod may hold": {
			65, []change{holds(creating(nil, 5)), mounts(false), surge(1)},
			one + "; container app: ContainerCreating, perhaps for a claim that an old pod holds: " +
				"rollout.strategy: Recreate has old pods go first", "again in 8m55s",
		},
		"R19 a claim that restricts a pod to one node": {
			65, []change{sees(nowhere), mounts(false), surge(1)},
			one + "; Unschedulable, perhaps for a claim that an old pod holds: rollout.strategy: Recreate has old pods go first",
			"again in 8m55s",
		},
		"R19 a container being created, and a pod within its grace period": {
			65, []change{holds(creating(nil, 5), lingering(100))}, one + "; container app: ContainerCreating", "again in 1m5s",
		},
		"R19 a terminating pod is normal": {64, []change{holds(lingering(35))}, one, "again in 1s"},
		"R19 a pod that does not terminate": {
			65, []change{holds(lingering(35))},
			one + "; pod shop-old does not end", "again in 8m55s",
		},
		"R19 a pod that does not terminate and blocks nothing": {65, []change{holds(lingering(35)), surge(1)}, one, "again in 8m55s"},
		"R19 a pod that does not terminate and holds a quota": {
			65, []change{has(replicaFailure(0)), holds(lingering(35)), surge(0)},
			one + "; ReplicaFailure; pod shop-old does not end", "again in 8m55s",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := judged(test.now, test.changes...)
			if diff := cmp.Diff([]string{test.want, test.again}, []string{got.Waits, brief(got)}); diff != "" {
				t.Errorf("Waits and Again (-want +got):\n%s", diff)
			}
		})
	}
}
