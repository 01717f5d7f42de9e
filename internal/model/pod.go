// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Pods are the observed pods of a stack during a rollout.
type Pods struct {
	// Known says that all pods were observed. Otherwise nothing is concluded from All.
	Known bool
	// Asked is when the operator began to observe the pods.
	Asked time.Time
	// Gone is the time at which a pod was last seen to disappear; zero if none was. It is not
	// persisted.
	Gone time.Time
	// All are the pods, sorted by name.
	All []Pod
}

// Pod is the state of a pod that determines the verdict on a rollout.
type Pod struct {
	Name      string
	Component string
	// Made is the pod's creation time.
	Made time.Time
	// ReplicaSet is the ReplicaSet that owns the pod; empty if there is none.
	ReplicaSet Owner
	// Template is the TemplateHash of the ReplicaSet's pod template; empty if it is not known.
	Template string
	// Terminating says that the pod is being deleted. EndsBy is the end of its grace period.
	// Finalizers and Node show what may delay the deletion further.
	Terminating bool
	EndsBy      time.Time
	Finalizers  []string
	Node        string
	// Ended says that the pod has terminated, for example after an eviction, and that another
	// replaces it.
	Ended bool
	// ReadySince is the time at which the pod became ready, by the kubelet's clock; nil if it is
	// not ready.
	ReadySince *time.Time
	// ReadySeen is when it was first seen ready, by the operator's clock.
	ReadySeen time.Time
	// Unschedulable is why the scheduler finds no node; empty if it finds one.
	Unschedulable string
	// Containers are the containers that wait or have exited, init containers first.
	Containers []Container
	// Starting describes why containers are not created yet; nil if all are.
	Starting *Starting
}

// Starting describes a scheduled pod whose containers are not all created.
type Starting struct {
	// Container is the first container that is not created, or the init container that is
	// running.
	Container string
	// Reason is the kubelet's reason: ContainerCreating or PodInitializing.
	Reason string
	// Init says that the container is a running init container for which the others wait.
	Init bool
	// Sandbox says whether the pod's volumes are mounted and its network is set up; nil if the
	// kubelet does not report it.
	Sandbox *bool
	// Since is when the pod was first observed in this state.
	Since time.Time
}

// Counts reports whether the pod counts towards the replicas of its ReplicaSet.
func (p Pod) Counts() bool { return !p.Terminating && !p.Ended }

// InTrouble reports whether a container of the pod is failing or has failed.
func (p Pod) InTrouble() bool { return p.Counts() && len(p.Containers) > 0 }

// Suspect reports whether the pod has a problem besides not being ready.
func (p Pod) Suspect() bool { return p.InTrouble() || p.Counts() && p.Unschedulable != "" }

// Owner identifies the owner of an object.
type Owner struct {
	Name string
	UID  types.UID
}

// Container is a container that waits or has exited.
type Container struct {
	Name string
	// Waiting is the reason why it does not run, such as ImagePullBackOff; empty if it runs or
	// is about to.
	Waiting string
	// Message is the kubelet's message for that reason.
	Message string
	// Since is when the container was first observed to wait, for any reason, since it last ran. It
	// is not earlier than Pods.Asked.
	Since time.Time
	// Exits is how often it has exited. The success of an init container does not count.
	Exits int32
	// LastExit is its last exit; nil if it never exited.
	LastExit *Exit
}

// Exit is the termination of a container.
type Exit struct {
	Code int32
	// Reason is the container runtime's reason, such as Error or OOMKilled.
	Reason string
	// Message is the container's termination message, or the end of its log.
	Message string
	At      time.Time
}
