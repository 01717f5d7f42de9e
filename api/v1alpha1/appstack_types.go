// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// AppStack runs a container image as Deployments and Services, and keeps a history
// of revisions for rollbacks.
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

	// The desired state. The operator never writes to it.
	// +required
	Spec AppStackSpec `json:"spec,omitzero"`

	// The observed state, and the history of rollouts.
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

// AppStackSpec is the desired state of an AppStack.
//
// +kubebuilder:validation:XValidation:rule="(has(self.files) ? self.files.map(f, has(f.content) ? f.content.size() : 0).sum() : 0) + (has(self.components) ? self.components.map(c, has(c.files) ? c.files.map(f, has(f.content) ? f.content.size() : 0).sum() : 0).sum() : 0) <= 131072",message="the files of a stack may have 131072 characters in all: mount larger ones from a ConfigMap"
type AppStackSpec struct {
	// Image of the main component, and of every component that sets none:
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
	// with which the nodes pull the images. The operator resolves private images with
	// them if an administrator allows it to read them.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=20
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`

	// ServiceAccount of the pods. If it is not set, pods run as "default" and get no
	// token for the Kubernetes API.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// How image tags are resolved. Digest (the default) resolves a tag in its registry
	// once, when a revision is created: pods run the digest that the tag has then, so
	// that a moved tag does not change running pods; and the image's own config sets
	// what the spec does not (ports, readinessProbe, the user). If a registry does not
	// answer within 10 seconds, the image runs as written, and the condition
	// ImagesResolved has the reason. Tag contacts no registry.
	// +optional
	ImageResolution ImageResolution `json:"imageResolution,omitempty"`

	// How the ConfigMaps that the pods use are released. By default a revision has
	// copies of them: a change is a new revision, and a rollback restores the files.
	// +optional
	Config *ConfigPolicy `json:"config,omitempty"`

	// What happens when the data of a Secret changes that the pods use. Ignore (the
	// default) leaves the pods as they are; mounted files change by themselves. Restart
	// replaces the pods of the components that use it, as a new revision; it needs an
	// administrator who allows the operator to watch Secrets in this namespace. Secrets
	// are never copied: a rollback does not restore them.
	// +optional
	SecretChanges SecretChanges `json:"secretChanges,omitempty"`

	// How a new revision replaces the running one. With the defaults no request is lost.
	// +optional
	Rollout *RolloutPolicy `json:"rollout,omitempty"`

	// Runs an earlier revision instead of this spec's content, until it is removed.
	// +optional
	Rollback *Rollback `json:"rollback,omitempty"`

	// A later time than any before releases the same content again: all pods are
	// replaced. Removing it, or setting an earlier time, does nothing.
	// +optional
	RestartedAt *metav1.Time `json:"restartedAt,omitempty"`

	// Pauses rollouts: none starts, and one that is in progress stops where it is.
	// Scaling still works. Defaults to false.
	// +optional
	Paused bool `json:"paused,omitempty"` //nolint:kubeapilinter // a switch, as in apps/v1 Deployment

	// Number of revisions to keep for rollbacks, 1 to 100. Defaults to 10. Those
	// that never succeeded are removed first. The running revision, the last good one,
	// the newest, the one that was automatically rolled back, the one in
	// status.failure, and those that rollback names are always kept.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	RevisionHistoryLimit *int32 `json:"revisionHistoryLimit,omitempty"`
}

// ImageResolution is how image tags are resolved.
//
// +kubebuilder:validation:Enum=Digest;Tag
type ImageResolution string

// How image tags are resolved.
const (
	ImageResolutionDigest ImageResolution = "Digest"
	ImageResolutionTag    ImageResolution = "Tag"
)

// SecretChanges is what happens when a Secret changes that the pods use.
//
// +kubebuilder:validation:Enum=Ignore;Restart
type SecretChanges string

// What happens when a Secret changes that the pods use.
const (
	SecretChangesIgnore  SecretChanges = "Ignore"
	SecretChangesRestart SecretChanges = "Restart"
)

// RolloutPolicy is how a new revision replaces the running one. It is not part
// of a revision: changing it replaces no pod.
//
// +kubebuilder:validation:XValidation:rule="!has(self.strategy) || self.strategy != 'Recreate' || (!has(self.maxSurge) && !has(self.maxUnavailable))",message="maxSurge and maxUnavailable belong to strategy RollingUpdate: remove them, or the strategy Recreate"
// +kubebuilder:validation:XValidation:rule="!(has(self.maxSurge) && string(self.maxSurge) in ['0', '0%'] && (!has(self.maxUnavailable) || string(self.maxUnavailable) in ['0', '0%']))",message="maxSurge and maxUnavailable cannot both be 0, as no pod could ever be replaced (maxUnavailable defaults to 0): raise one of them"
// +kubebuilder:validation:XValidation:rule="(has(self.progressDeadlineSeconds) ? self.progressDeadlineSeconds : 600) > (has(self.minReadySeconds) ? self.minReadySeconds : 0)",message="progressDeadlineSeconds (600 where left out) must be greater than minReadySeconds: raise the deadline or lower minReadySeconds"
type RolloutPolicy struct {
	// RollingUpdate (the default) replaces pods step by step. Recreate stops all
	// old pods before it starts new ones.
	// +optional
	Strategy RolloutStrategy `json:"strategy,omitempty"`

	// Pods that may run in addition to the desired number during an update: a
	// number or a percentage, rounded up. Defaults to 25%.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule="type(self) == string ? self.matches('^[0-9]{1,4}%$') : self >= 0",message="maxSurge must be a number of pods, such as 1, or a percentage, such as 25%"
	MaxSurge *intstr.IntOrString `json:"maxSurge,omitempty"`

	// Pods of the desired number that may be unavailable during an update: a number
	// or a percentage, rounded down. Defaults to 0, so that no request is lost.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule="type(self) == string ? self.matches('^(100|[0-9]{1,2})%$') : self >= 0",message="maxUnavailable must be a number of pods, such as 1, or a percentage up to 100%"
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`

	// Seconds that a new pod has to be ready before it counts as available.
	// Defaults to 0, and to 10 for a component without a readiness probe, so that
	// a pod that exits shortly after its start is detected.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	MinReadySeconds *int32 `json:"minReadySeconds,omitempty"`

	// Seconds without progress of a component after which its rollout fails. Must
	// be greater than minReadySeconds. Defaults to 600. The time does not run while
	// the stack is paused.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	ProgressDeadlineSeconds *int32 `json:"progressDeadlineSeconds,omitempty"`

	// What happens after a failed rollout. Rollback (the default) rolls back to the
	// revision whose rollout succeeded last; Hold leaves everything as it is. The
	// content that failed is not released again until it changes, restartedAt is set
	// to a later time, or the spec changes to other content and back.
	// +optional
	OnFailure FailurePolicy `json:"onFailure,omitempty"`

	// Whether the states of new pods can fail a rollout. With PodState (the default)
	// it fails if waiting does not help: at once for an invalid image name and for the
	// third exit of a container, after 60 seconds if an image cannot be pulled or a
	// container cannot be created. With DeadlineOnly only progressDeadlineSeconds
	// counts. In both cases a rollout fails after 30 seconds in which no pod can be
	// created and none of the stack's own pods is about to make room, and at once if
	// the API server rejects an object.
	// +optional
	FailureDetection FailureDetection `json:"failureDetection,omitempty"`
}

// RolloutStrategy is how new pods replace old ones.
//
// +kubebuilder:validation:Enum=RollingUpdate;Recreate
type RolloutStrategy string

// How new pods replace old ones.
const (
	RolloutStrategyRollingUpdate RolloutStrategy = "RollingUpdate"
	RolloutStrategyRecreate      RolloutStrategy = "Recreate"
)

// FailurePolicy is what happens after a failed rollout.
//
// +kubebuilder:validation:Enum=Rollback;Hold
type FailurePolicy string

// What happens after a failed rollout.
const (
	FailurePolicyRollback FailurePolicy = "Rollback"
	FailurePolicyHold     FailurePolicy = "Hold"
)

// FailureDetection is what makes a rollout fail.
//
// +kubebuilder:validation:Enum=PodState;DeadlineOnly
type FailureDetection string

// What makes a rollout fail.
const (
	FailureDetectionPodState     FailureDetection = "PodState"
	FailureDetectionDeadlineOnly FailureDetection = "DeadlineOnly"
)

// Rollback runs an earlier revision instead of the spec's content.
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

	// Reason for the rollback. The history shows it with the rollout, instead of the
	// cause with which the revision was created.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Cause string `json:"cause,omitempty"`
}
