// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// AppStack runs a container image: as Deployments and Services, with a history
// of what ran, and a way back to it.
//
// The fields at the top of the spec describe the main component, whose
// Deployment and Service carry the stack's name. Further components, such as
// workers of the same image, are released and rolled back together with it.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=aps
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:printcolumn:name="Image",type=string,JSONPath=`.status.image`,description="Image that the main component runs"
// +kubebuilder:printcolumn:name="Revision",type=integer,JSONPath=`.status.revision`,description="Revision that runs or is being rolled out"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Replicas",type=string,JSONPath=`.status.readySummary`,description="Ready and desired replicas of all components"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Address",type=string,priority=1,JSONPath=`.status.address`,description="Where the main component's Service is reached"
// +kubebuilder:printcolumn:name="Failed",type=integer,priority=1,JSONPath=`.status.failure.revision`,description="Revision whose rollout failed last"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have at most 63 characters, because the Deployment and the Service carry it: choose a shorter name"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must consist of lower case letters, digits and '-', start with a letter and not end with '-', because a Service carries it: choose a name such as my-app"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.components) || self.spec.components.all(c, self.metadata.name.size() + c.name.size() <= 62)",message="a component's objects are named <stack>-<component>, which must have at most 63 characters: shorten metadata.name or spec.components[].name",fieldPath=".spec.components"
type AppStack struct {
	metav1.TypeMeta `json:",inline"`

	// Standard object metadata. The name is also the name of the main
	// component's Deployment and Service: at most 63 characters, a DNS label.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// What is to run. The operator never writes here.
	// +required
	Spec AppStackSpec `json:"spec,omitzero"`

	// What runs, as last observed, and the history of rollouts.
	// +optional
	Status AppStackStatus `json:"status,omitzero"`
}

// AppStackList is a list of AppStacks.
//
// +kubebuilder:object:root=true
type AppStackList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitzero"`

	// The stacks.
	Items []AppStack `json:"items"`
}

// AppStackSpec says what is to run.
type AppStackSpec struct {
	// Image that the main component runs, and every component that names none:
	// a reference such as nginx:1.29 or registry.example.com/team/app:1.4.2.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.matches('\\\\s|://')",message="image must be an image reference such as registry.example.com/team/app:1.4.2: remove spaces and the scheme (https://)"
	// +kubebuilder:validation:XValidation:rule="self.matches('^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\\\\[[a-fA-F0-9:]+\\\\])(?::[0-9]+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::[^/@]*)?(?:@.*)?$') && !self.matches('^[a-f0-9]{64}$')",message="image must name a repository in lower case, such as my-app or registry.example.com/team/app (the registry's host may have upper case letters): correct what stands before the tag"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[^@]*:[^/@]*(@|$)') || self.matches('^([^@]*/)?[^/:@]*:\\\\w[\\\\w.-]{0,127}(@|$)')",message="image must have a tag of 1 to 128 letters, digits, '_', '.' and '-' after the ':', such as my-app:1.4.2: complete the tag, or remove the ':'"
	// +kubebuilder:validation:XValidation:rule="!self.contains('@') || self.matches('^[^@]*@(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$') || (!self.matches('@sha(?:256|384|512):') && self.matches('^[^@]*@[a-z][a-z0-9]*(?:[-_+.][a-z][a-z0-9]*)*:[a-fA-F0-9]{32,}$'))",message="image must have a whole digest after the '@', such as sha256: and 64 lower case hexadecimal digits: copy all of the digest, or remove the '@'"
	Image string `json:"image,omitempty"`

	ComponentSpec `json:",inline"`

	// Further components, such as a worker or a scheduler, each with its own
	// Deployment named <stack>-<component>. All components are released and
	// rolled back together. At most 20.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=20
	Components []Component `json:"components,omitempty"`

	// Names of Secrets of type kubernetes.io/dockerconfigjson in this namespace,
	// with which the nodes pull the images. The operator looks private images up
	// with them where an administrator lets it read them.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=20
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`

	// ServiceAccount that the pods run as. Left out, pods run as "default" and
	// get no token for the Kubernetes API.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// How an image tag becomes what runs. Digest (the default) looks the image up in
	// its registry once, when a revision is made: pods run the digest that the tag
	// has then, so that a moved tag changes nothing that runs, and what the spec
	// leaves out (ports, readinessProbe, the user) is what the image says. A registry
	// that does not answer within 10 seconds holds nothing up: the image runs as
	// written, and the condition ImagesResolved says why. Tag asks no registry.
	// +optional
	ImageResolution ImageResolution `json:"imageResolution,omitempty"`

	// How a new revision replaces the one that runs. The defaults lose no request.
	// +optional
	Rollout *RolloutPolicy `json:"rollout,omitempty"`

	// Runs an earlier revision in place of this spec's content, until removed.
	// +optional
	Rollback *Rollback `json:"rollback,omitempty"`

	// A time later than any given here before releases the same content anew:
	// all pods are replaced. Removing or lowering it does nothing.
	// +optional
	RestartedAt *metav1.Time `json:"restartedAt,omitempty"`

	// Stops rollouts: none starts, and one that is under way goes no further.
	// Scaling still works. Defaults to false.
	// +optional
	Paused bool `json:"paused,omitempty"` //nolint:kubeapilinter // a switch, as in apps/v1 Deployment

	// Number of revisions to keep for rollbacks, 1 to 100. Defaults to 10. Those
	// that never succeeded are removed first, and push out none that did. The revision
	// that runs, the last good one, the newest, the one that an automatic rollback
	// left, the one that status.failure is about, and those that rollback names are
	// always kept.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	RevisionHistoryLimit *int32 `json:"revisionHistoryLimit,omitempty"`
}

// ImageResolution says how an image tag becomes what runs.
//
// +kubebuilder:validation:Enum=Digest;Tag
type ImageResolution string

// How an image tag becomes what runs.
const (
	ImageResolutionDigest ImageResolution = "Digest"
	ImageResolutionTag    ImageResolution = "Tag"
)

// RolloutPolicy says how a new revision replaces the one that runs. It is
// not part of a revision: changing it replaces no pod.
//
// +kubebuilder:validation:XValidation:rule="!has(self.strategy) || self.strategy != 'Recreate' || (!has(self.maxSurge) && !has(self.maxUnavailable))",message="maxSurge and maxUnavailable belong to strategy RollingUpdate: remove them, or the strategy Recreate"
// +kubebuilder:validation:XValidation:rule="!(has(self.maxSurge) && string(self.maxSurge) in ['0', '0%'] && (!has(self.maxUnavailable) || string(self.maxUnavailable) in ['0', '0%']))",message="maxSurge and maxUnavailable cannot both be 0, as no pod could ever be replaced (maxUnavailable defaults to 0): raise one of them"
// +kubebuilder:validation:XValidation:rule="(has(self.progressDeadlineSeconds) ? self.progressDeadlineSeconds : 600) > (has(self.minReadySeconds) ? self.minReadySeconds : 0)",message="progressDeadlineSeconds (600 where left out) must be greater than minReadySeconds: raise the deadline or lower minReadySeconds"
type RolloutPolicy struct {
	// RollingUpdate (the default) replaces pods step by step. Recreate stops all
	// old pods before it starts new ones.
	// +optional
	Strategy RolloutStrategy `json:"strategy,omitempty"`

	// Pods that may run in excess of the desired number during an update: a
	// number or a percentage, rounded up. Defaults to 25%.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule="type(self) == string ? self.matches('^[0-9]{1,4}%$') : self >= 0",message="maxSurge must be a number of pods, such as 1, or a percentage, such as 25%"
	MaxSurge *intstr.IntOrString `json:"maxSurge,omitempty"`

	// Pods that may be missing from the desired number during an update: a
	// number or a percentage, rounded down. Defaults to 0, so that no request is lost.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule="type(self) == string ? self.matches('^(100|[0-9]{1,2})%$') : self >= 0",message="maxUnavailable must be a number of pods, such as 1, or a percentage up to 100%"
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`

	// Seconds that a new pod has to stay ready before it counts as available.
	// Defaults to 0, and to 10 for a component that has no readiness probe, so
	// that one that dies at its start is noticed.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	MinReadySeconds *int32 `json:"minReadySeconds,omitempty"`

	// Seconds that a component may stay without progress in a rollout before the
	// rollout counts as failed. Must be greater than minReadySeconds. Defaults to
	// 600. The time does not run while the stack is paused.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	ProgressDeadlineSeconds *int32 `json:"progressDeadlineSeconds,omitempty"`

	// What follows a failed rollout. Rollback (the default) is to go back to the
	// revision whose rollout succeeded last; Hold is to leave everything as it is.
	// The content that failed is not tried again until it changes, restartedAt
	// grows, or the spec leaves it and comes back.
	// +optional
	OnFailure FailurePolicy `json:"onFailure,omitempty"`

	// What is made of the states of new pods. PodState (the default) is to fail the
	// rollout where waiting does not help: at once for an image name that is invalid
	// and for the third exit of a container, after 60 seconds where an image cannot be
	// pulled or a container not be created. DeadlineOnly is to leave whatever the pods
	// show to progressDeadlineSeconds. In either case a rollout fails after 30 seconds
	// in which no pod can be created and no room is about to come, and at once where
	// the API server refuses an object.
	// +optional
	FailureDetection FailureDetection `json:"failureDetection,omitempty"`
}

// RolloutStrategy says how old pods make room for new ones.
//
// +kubebuilder:validation:Enum=RollingUpdate;Recreate
type RolloutStrategy string

// How old pods make room for new ones.
const (
	RolloutStrategyRollingUpdate RolloutStrategy = "RollingUpdate"
	RolloutStrategyRecreate      RolloutStrategy = "Recreate"
)

// FailurePolicy says what follows a failed rollout.
//
// +kubebuilder:validation:Enum=Rollback;Hold
type FailurePolicy string

// What follows a failed rollout.
const (
	FailurePolicyRollback FailurePolicy = "Rollback"
	FailurePolicyHold     FailurePolicy = "Hold"
)

// FailureDetection says what makes a rollout fail.
//
// +kubebuilder:validation:Enum=PodState;DeadlineOnly
type FailureDetection string

// What makes a rollout fail.
const (
	FailureDetectionPodState     FailureDetection = "PodState"
	FailureDetectionDeadlineOnly FailureDetection = "DeadlineOnly"
)

// Rollback runs an earlier revision in place of the spec's content.
//
// +kubebuilder:validation:XValidation:rule="!has(self.fromRevision) || self.fromRevision != self.toRevision",message="rollback.fromRevision and rollback.toRevision must differ: name the revision to leave in fromRevision, and the one to run in toRevision"
type Rollback struct {
	// Number of the revision to run, as status.history shows it.
	// +required
	// +kubebuilder:validation:Minimum=1
	ToRevision int64 `json:"toRevision,omitempty"`

	// Number of the revision to leave. With it the rollback holds only while the
	// spec's content is that revision's: as soon as the content changes, the new
	// content is released. Without it the rollback holds until it is removed.
	// +optional
	// +kubebuilder:validation:Minimum=1
	FromRevision *int64 `json:"fromRevision,omitempty"`

	// Why, or by whom: the history shows it with the rollout, in place of the
	// cause that the revision was made with.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Cause string `json:"cause,omitempty"`
}
