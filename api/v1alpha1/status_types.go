// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AppStackStatus is what the operator last observed.
type AppStackStatus struct {
	// Generation of the spec that this status speaks of.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Revision that runs, or is being rolled out.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Revision int64 `json:"revision,omitempty"`

	// Last good revision: the one whose rollout most recently succeeded.
	// +optional
	// +kubebuilder:validation:Minimum=0
	LastGoodRevision int64 `json:"lastGoodRevision,omitempty"`

	// Image that the main component runs, without its digest where it has a tag.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Image string `json:"image,omitempty"`

	// Where the main component's Service is reached: the load balancer's
	// address, or the name inside the cluster, with the port.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Address string `json:"address,omitempty"`

	// Number of pods of the main component.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replicas *int32 `json:"replicas,omitempty"`

	// Label selector of the main component's pods, for autoscalers.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Selector string `json:"selector,omitempty"`

	// Ready and desired pods of all components, as "3/3".
	// +optional
	// +kubebuilder:validation:MaxLength=32
	ReadySummary string `json:"readySummary,omitempty"`

	// Components, each as last observed: at most 64, those of the revision that runs,
	// or is being rolled out, first.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Components []ComponentStatus `json:"components,omitempty"`

	// Rollouts, newest first: at most 20.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	History []RolloutStatus `json:"history,omitempty"`

	// Why a rollout failed: kept after its pods are gone, until another rollout
	// succeeds. The automatic rollback that follows does not count.
	// +optional
	Failure *FailureStatus `json:"failure,omitempty"`

	// Ready: all that the spec asks for runs. Available: every component that is
	// to run has a pod that serves. Reconciling, only while true: a change is
	// under way. Stalled, only while true: someone has to act; the message says how.
	// ImagesResolved, where any image was to be looked up: whether all were.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ComponentStatus is one component as last observed.
type ComponentStatus struct {
	// Name of the component: "main", or one of spec.components.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// Image that the component runs, with its digest where it is pinned.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Image string `json:"image,omitempty"`

	// Values that can come from the spec, from the image or from a default, each
	// with where it came from when the revision was made. Left out where the values
	// of all components have more than 128 KiB.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	ImageValues []ImageValue `json:"imageValues,omitempty"`

	// Pods that are wanted.
	// +optional
	// +kubebuilder:validation:Minimum=0
	DesiredReplicas *int32 `json:"desiredReplicas,omitempty"`

	// Pods that exist.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replicas *int32 `json:"replicas,omitempty"`

	// Pods that run the revision.
	// +optional
	// +kubebuilder:validation:Minimum=0
	UpdatedReplicas *int32 `json:"updatedReplicas,omitempty"`

	// Pods that are ready.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ReadyReplicas *int32 `json:"readyReplicas,omitempty"`

	// Pods that have been ready for minReadySeconds.
	// +optional
	// +kubebuilder:validation:Minimum=0
	AvailableReplicas *int32 `json:"availableReplicas,omitempty"`

	// Where the component's Service is reached.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Address string `json:"address,omitempty"`
}

// ImageValue is a value of a component, and where it came from.
type ImageValue struct {
	// What it is a value of: ports, readinessProbe, user, platforms, volumes or stopSignal.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// The value, in short. Left out where there is none.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Value string `json:"value,omitempty"`

	// Where it came from: Spec, Image or Default. What the spec says always wins.
	// +required
	Source ImageValueSource `json:"source,omitempty"`

	// What is worth knowing of it.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// ImageValueSource says where a value came from.
//
// +kubebuilder:validation:Enum=Spec;Image;Default
type ImageValueSource string

// Where a value came from.
const (
	ImageValueSourceSpec    ImageValueSource = "Spec"
	ImageValueSourceImage   ImageValueSource = "Image"
	ImageValueSourceDefault ImageValueSource = "Default"
)

// RolloutStatus is one move of the stack to a revision.
type RolloutStatus struct {
	// Revision that was moved to.
	// +required
	// +kubebuilder:validation:Minimum=1
	Revision int64 `json:"revision,omitempty"`

	// Images of the revision's components.
	// +optional
	// +listType=map
	// +listMapKey=component
	// +kubebuilder:validation:MaxItems=21
	Images []ImageStatus `json:"images,omitempty"`

	// Cause that the user gave: for a rollback by hand in spec.rollback.cause, else for
	// the revision, in the annotation kubernetes.io/change-cause.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Cause string `json:"cause,omitempty"`

	// What started the rollout.
	// +required
	Trigger RolloutTrigger `json:"trigger,omitempty"`

	// How the rollout stands, or ended. One that failed and is left as it is
	// (onFailure: Hold, or nothing good to go back to) stays Progressing until it
	// recovers or another one begins.
	// +required
	Outcome RolloutOutcome `json:"outcome,omitempty"`

	// When the rollout started.
	// +required
	StartedAt metav1.Time `json:"startedAt,omitzero"`

	// When the rollout ended. Left out while it has not.
	// +optional
	EndedAt *metav1.Time `json:"endedAt,omitempty"`

	// How it came about, in words.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// ImageStatus is the image of one component in a revision.
type ImageStatus struct {
	// Name of the component: "main", or one of spec.components.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Component string `json:"component,omitempty"`

	// Image as the pods run it, with its digest where it is pinned.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Image string `json:"image,omitempty"`

	// Whether the image is pinned by a digest: only then is it certain that a
	// rollback brings back the same bytes.
	// +optional
	Pinned bool `json:"pinned"` //nolint:kubeapilinter // false is worth showing
}

// FailureStatus is the report of a failed rollout.
type FailureStatus struct {
	// Revision whose rollout failed.
	// +required
	// +kubebuilder:validation:Minimum=1
	Revision int64 `json:"revision,omitempty"`

	// Component that failed: "main", or one of spec.components.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Component string `json:"component,omitempty"`

	// Pod that failed.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Pod string `json:"pod,omitempty"`

	// Container that failed.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Container string `json:"container,omitempty"`

	// Reason in one word: CrashLoopBackOff, ImagePullBackOff, ErrImagePull,
	// ErrImageNeverPull, InvalidImageName, CreateContainerConfigError,
	// CreateContainerError, RunContainerError, ReplicaFailure (no pod can be
	// created), Rejected (the API server refuses a Deployment or a Service) or
	// ProgressDeadlineExceeded.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Reason string `json:"reason,omitempty"`

	// Exit code of the container, where it ended.
	// +optional
	ExitCode *int32 `json:"exitCode,omitempty"`

	// What went wrong in words, with the last lines of the container's log where there are any.
	// +optional
	// +kubebuilder:validation:MaxLength=8192
	Message string `json:"message,omitempty"`

	// When the rollout was found to have failed.
	// +required
	FailedAt metav1.Time `json:"failedAt,omitzero"`
}

// RolloutTrigger says what started a rollout.
//
// +kubebuilder:validation:Enum=SpecChanged;Rollback;AutoRollback;Restart;ConfigChanged
type RolloutTrigger string

// What starts a rollout.
const (
	// TriggerSpecChanged is a change of the spec's content.
	TriggerSpecChanged RolloutTrigger = "SpecChanged"
	// TriggerRollback is spec.rollback.
	TriggerRollback RolloutTrigger = "Rollback"
	// TriggerAutoRollback is a rollout that failed.
	TriggerAutoRollback RolloutTrigger = "AutoRollback"
	// TriggerRestart is a later spec.restartedAt.
	TriggerRestart RolloutTrigger = "Restart"
	// TriggerConfigChanged is a change of a ConfigMap that pods use.
	TriggerConfigChanged RolloutTrigger = "ConfigChanged"
)

// RolloutOutcome says how a rollout stands, or ended.
//
// +kubebuilder:validation:Enum=Progressing;Succeeded;Failed;Superseded
type RolloutOutcome string

// How a rollout stands, or ended.
const (
	// OutcomeProgressing is a rollout that is under way.
	OutcomeProgressing RolloutOutcome = "Progressing"
	// OutcomeSucceeded is one that replaced all pods by available ones.
	OutcomeSucceeded RolloutOutcome = "Succeeded"
	// OutcomeFailed is one that failed, and that another one followed: an automatic
	// rollback, or what the user did next. Until then it is Progressing, as its pods
	// may recover.
	OutcomeFailed RolloutOutcome = "Failed"
	// OutcomeSuperseded is one that another rollout overtook.
	OutcomeSuperseded RolloutOutcome = "Superseded"
)
