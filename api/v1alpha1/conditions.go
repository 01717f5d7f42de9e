// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package v1alpha1

// Condition types of an AppStack. They follow kstatus, so that kubectl wait,
// Flux and Helm understand them: Ready and Available are always there,
// Reconciling and Stalled only while true.
const (
	// ConditionReady reports whether everything in the spec runs.
	ConditionReady = "Ready"
	// ConditionAvailable reports whether every component has a pod that serves.
	ConditionAvailable = "Available"
	// ConditionReconciling reports that a change is in progress.
	ConditionReconciling = "Reconciling"
	// ConditionStalled reports that a user has to fix something.
	ConditionStalled = "Stalled"
	// ConditionImagesResolved reports whether all images of the running revision were
	// resolved in their registries when it was created. It exists only if images had to be.
	ConditionImagesResolved = "ImagesResolved"
)

// Reasons of Ready and Reconciling.
const (
	// ReasonSucceeded is a rollout that has ended well, and all of it runs.
	ReasonSucceeded = "Succeeded"
	// ReasonProgressing is a rollout that is under way.
	ReasonProgressing = "Progressing"
	// ReasonScaling is a number of pods that is not reached yet.
	ReasonScaling = "Scaling"
	// ReasonUnavailable is pods that were there and do not serve now.
	ReasonUnavailable = "Unavailable"
	// ReasonPaused is a rollout that spec.paused holds up.
	ReasonPaused = "Paused"
	// ReasonRetrying is a request that the API server could not serve, and that is tried again.
	ReasonRetrying = "Retrying"
	// ReasonWaitingForDeletion is a stack of the same name whose objects are still being deleted.
	ReasonWaitingForDeletion = "WaitingForDeletion"
)

// Reasons of Available.
const (
	// ReasonPodsAvailable is a pod that serves for every component that is to run.
	ReasonPodsAvailable = "PodsAvailable"
	// ReasonPodsUnavailable is a component without any pod that serves.
	ReasonPodsUnavailable = "PodsUnavailable"
	// ReasonNotStarted is a stack of which nothing runs yet.
	ReasonNotStarted = "NotStarted"
)

// Reasons of Stalled, and of Ready while stalled.
const (
	// ReasonInvalidPodTemplate is a podTemplate that cannot be merged, or a port that
	// the pods lack and the Service, a probe or a hook needs.
	ReasonInvalidPodTemplate = "InvalidPodTemplate"
	// ReasonNameConflict is an object of a needed name that belongs to someone else.
	ReasonNameConflict = "NameConflict"
	// ReasonRejected is an object that the API server rejects.
	ReasonRejected = "Rejected"
	// ReasonRevisionNotFound is a rollback that names a revision which does not
	// exist, or a revision that runs and whose record is gone.
	ReasonRevisionNotFound = "RevisionNotFound"
	// ReasonRolledBack is a rollout that failed, and an automatic rollback from it.
	ReasonRolledBack = "RolledBack"
	// ReasonRolloutFailed is a rollout that failed and is left as it is, because
	// rollout.onFailure says so or nothing good ran before.
	ReasonRolloutFailed = "RolloutFailed"
	// ReasonRollbackFailed is an automatic rollback that failed too.
	ReasonRollbackFailed = "RollbackFailed"
	// ReasonRevisionDamaged is a revision whose record cannot be read.
	ReasonRevisionDamaged = "RevisionDamaged"
	// ReasonConfigNotFound is a ConfigMap, or a key of one, that pods need and that does not exist.
	ReasonConfigNotFound = "ConfigNotFound"
	// ReasonConfigUnreadable is a ConfigMap that pods need and that the operator may not read.
	ReasonConfigUnreadable = "ConfigUnreadable"
	// ReasonConfigContested is a ConfigMap that changes again and again, so that its changes are no
	// longer released.
	ReasonConfigContested = "ConfigContested"
	// ReasonConfigLost is a copy of a ConfigMap that a revision needs, that was deleted, and whose
	// content is nowhere else.
	ReasonConfigLost = "ConfigLost"
	// ReasonDriftContested is an object that somebody else changes again each time
	// the operator has repaired it. It lasts until a repair has stood for a minute.
	ReasonDriftContested = "DriftContested"
)

// Reasons of ImagesResolved.
const (
	// ReasonImagesPinned is images that were looked up, and are pinned by their digests.
	ReasonImagesPinned = "Pinned"
	// ReasonImageUnauthorized is a registry that wants other credentials than the
	// operator has, or none for an image that does not exist.
	ReasonImageUnauthorized = "Unauthorized"
	// ReasonImageNotFound is a registry that does not have the image.
	ReasonImageNotFound = "NotFound"
	// ReasonImageInvalid is a reference that no registry could be asked for.
	ReasonImageInvalid = "InvalidReference"
	// ReasonImageTooManyRequests is a registry that limits how often it is asked.
	ReasonImageTooManyRequests = "TooManyRequests"
	// ReasonImageDamaged is an answer that is not what its digest says.
	ReasonImageDamaged = "Damaged"
	// ReasonRegistryUnavailable is a registry that did not answer, or not as one does.
	ReasonRegistryUnavailable = "RegistryUnavailable"
)
