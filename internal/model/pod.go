// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Pods are what is seen of a stack's pods while it rolls out.
type Pods struct {
	// Known says that all of them were seen; else nothing is concluded from All.
	Known bool
	// Asked is since when they are looked at.
	Asked time.Time
	// Gone is when one of them was last seen to be gone; zero where none was. It is memory only.
	Gone time.Time
	// All are the pods by name.
	All []Pod
}

// Pod is what judging a rollout takes of a pod.
type Pod struct {
	Name      string
	Component string
	// Made is when the pod was.
	Made time.Time
	// ReplicaSet owns the pod; empty where none does.
	ReplicaSet Owner
	// Template is the hash of the pod template that the ReplicaSet makes pods
	// of, as TemplateHash has it; empty where it is not known.
	Template string
	// Terminating says that the pod is being deleted: by EndsBy it is to be gone. Finalizers and
	// Node are what may keep it longer.
	Terminating bool
	EndsBy      time.Time
	Finalizers  []string
	Node        string
	// Ended says that the pod is over, as after an eviction: another takes its place.
	Ended bool
	// ReadySince is since when the pod has been ready; nil while it is not.
	ReadySince *time.Time
	// ReadySeen is when it was first seen to be: by the operator's clock, where ReadySince is by the kubelet's.
	ReadySeen time.Time
	// Unschedulable is why the scheduler finds no node; empty where it does.
	Unschedulable string
	// Containers are those that wait or have exited, init containers first.
	Containers []Container
	// Starting is what its containers have not come past yet; nil where all have.
	Starting *Starting
}

// Starting is a pod that has a node, and whose containers are not all created.
type Starting struct {
	// Container is the first that is not created, or the init container that runs.
	Container string
	// Reason is the kubelet's: ContainerCreating or PodInitializing.
	Reason string
	// Init says that the container is an init container that runs, and that the others wait for.
	Init bool
	// Sandbox says whether the pod's volumes are mounted and its network is set up; nil where the kubelet does not say.
	Sandbox *bool
	// Since is when the pod was first seen to be so.
	Since time.Time
}

// Counts says whether the pod is one of those that its ReplicaSet is to have.
func (p Pod) Counts() bool { return !p.Terminating && !p.Ended }

// InTrouble says whether one of its containers fails, or did.
func (p Pod) InTrouble() bool { return p.Counts() && len(p.Containers) > 0 }

// Suspect says whether something is wrong with the pod, besides that it is not ready.
func (p Pod) Suspect() bool { return p.InTrouble() || p.Counts() && p.Unschedulable != "" }

// Owner names the object that owns another.
type Owner struct {
	Name string
	UID  types.UID
}

// Container is a container that waits for something or has exited.
type Container struct {
	Name string
	// Waiting is the reason why it does not run, such as ImagePullBackOff; empty
	// where it runs, or is about to.
	Waiting string
	// Message has the kubelet's words on that.
	Message string
	// Since is when it was first seen to wait, for whatever reason, without having run
	// since; at the earliest from when the stack's pods are looked at.
	Since time.Time
	// Exits is how often it has exited. An init container that did its work does not count.
	Exits int32
	// LastExit is nil where it never did.
	LastExit *Exit
}

// Exit is how a container ended.
type Exit struct {
	Code int32
	// Reason is the runtime's word, such as Error or OOMKilled.
	Reason string
	// Message is what the container left, or the end of its log.
	Message string
	At      time.Time
}
