// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package v1alpha1

// Reasons why a rollout failed, in status.failure.reason.
const (
	// FailureProgressDeadlineExceeded is no progress for progressDeadlineSeconds.
	FailureProgressDeadlineExceeded = "ProgressDeadlineExceeded"
	// FailureReplicaFailure is pods that cannot be created: a quota, Pod Security, a webhook.
	FailureReplicaFailure = "ReplicaFailure"
	// FailureRejected is a Deployment or a Service that the API server rejects.
	FailureRejected = "Rejected"
	// FailureCrashLoopBackOff is a container that has exited three times.
	FailureCrashLoopBackOff = "CrashLoopBackOff"
	// FailureInvalidImageName is an image reference that no registry can serve.
	FailureInvalidImageName = "InvalidImageName"
	// FailureErrImagePull is an image that cannot be pulled.
	FailureErrImagePull = "ErrImagePull"
	// FailureImagePullBackOff is the same, between two tries.
	FailureImagePullBackOff = "ImagePullBackOff"
	// FailureErrImageNeverPull is an image that is not on the node, and with
	// imagePullPolicy Never is not pulled either.
	FailureErrImageNeverPull = "ErrImageNeverPull"
	// FailureCreateContainerConfigError is a ConfigMap, a Secret or a key that is missing.
	FailureCreateContainerConfigError = "CreateContainerConfigError"
	// FailureCreateContainerError is a container that the runtime cannot create.
	FailureCreateContainerError = "CreateContainerError"
	// FailureRunContainerError is a container that the runtime cannot start.
	FailureRunContainerError = "RunContainerError"
)
