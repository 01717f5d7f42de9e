// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AppStackStatus is the observed state of an AppStack.
type AppStackStatus struct {
	// Generation of the spec that this status is based on.
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

	// Report of the last failed rollout. It is kept after its pods are gone, until
	// another rollout succeeds that is not the automatic rollback.
	// +optional
	Failure *FailureStatus `json:"failure,omitempty"`

	// Ready: everything in the spec runs. Available: every component has a pod that
	// serves. Reconciling (only while true): a change is in progress. Stalled (only
	// while true): a user has to fix something; the message says what.
	// ImagesResolved (only if images had to be resolved): whether all were.
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

	// Values that can come from the spec, from the image or from a default, each with
	// its source when the revision was created. Not set if the values of all components
	// exceed 128 KiB.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	ImageValues []ImageValue `json:"imageValues,omitempty"`

	// Desired number of pods.
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

// ImageValue is a value of a component with its source.
type ImageValue struct {
	// Name of the value: ports, readinessProbe, user, platforms, volumes or stopSignal.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// The value, abbreviated. Not set if there is none.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Value string `json:"value,omitempty"`

	// Source of the value: Spec, Image or Default. The spec always takes precedence.
	// +required
	Source ImageValueSource `json:"source,omitempty"`

	// Details of the value.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// ImageValueSource is the source of a value.
//
// +kubebuilder:validation:Enum=Spec;Image;Default
type ImageValueSource string

// Sources of a value.
const (
	ImageValueSourceSpec    ImageValueSource = "Spec"
	ImageValueSourceImage   ImageValueSource = "Image"
	ImageValueSourceDefault ImageValueSource = "Default"
)

// RolloutStatus is a rollout of the stack to a revision.
type RolloutStatus struct {
	// Revision that was rolled out.
	// +required
	// +kubebuilder:validation:Minimum=1
	Revision int64 `json:"revision,omitempty"`

	// Images of the revision's components.
	// +optional
	// +listType=map
	// +listMapKey=component
	// +kubebuilder:validation:MaxItems=21
	Images []ImageStatus `json:"images,omitempty"`

	// Change cause given by the user: in spec.rollback.cause for a manual rollback,
	// otherwise in the annotation kubernetes.io/change-cause for the revision.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Cause string `json:"cause,omitempty"`

	// What started the rollout.
	// +required
	Trigger RolloutTrigger `json:"trigger,omitempty"`

	// State of the rollout, or its result. One that failed and was not rolled back
	// (onFailure: Hold, or no good revision) stays Progressing until it recovers or
	// another one starts.
	// +required
	Outcome RolloutOutcome `json:"outcome,omitempty"`

	// When the rollout started.
	// +required
	StartedAt metav1.Time `json:"startedAt,omitzero"`

	// When the rollout ended. Not set while it is in progress.
	// +optional
	EndedAt *metav1.Time `json:"endedAt,omitempty"`

	// Reason for the rollout.
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

	// Whether the image is pinned to a digest: only then a rollback certainly runs
	// the same bytes.
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
	// created), Rejected (the API server rejects a Deployment or a Service) or
	// ProgressDeadlineExceeded.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Reason string `json:"reason,omitempty"`

	// Exit code of the container, if it exited.
	// +optional
	ExitCode *int32 `json:"exitCode,omitempty"`

	// Description of the failure, with the last lines of the container's log if there are any.
	// +optional
	// +kubebuilder:validation:MaxLength=8192
	Message string `json:"message,omitempty"`

	// When the failure of the rollout was detected.
	// +required
	FailedAt metav1.Time `json:"failedAt,omitzero"`
}

// RolloutTrigger is what started a rollout.
//
// +kubebuilder:validation:Enum=SpecChanged;Rollback;AutoRollback;Restart;ConfigChanged;SecretChanged
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
	// TriggerSecretChanged is a change of a Secret that pods use, with spec.secretChanges Restart.
	TriggerSecretChanged RolloutTrigger = "SecretChanged"
)

// RolloutOutcome is the state of a rollout, or its result.
//
// +kubebuilder:validation:Enum=Progressing;Succeeded;Failed;Superseded
type RolloutOutcome string

// States and results of rollouts.
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
