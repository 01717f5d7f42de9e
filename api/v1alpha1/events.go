// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package v1alpha1

// Reasons of the events on an AppStack. A condition's reason in the list of
// Stalled is the reason of a warning event too.
const (
	// EventRolloutStarted tells that a rollout started, and why.
	EventRolloutStarted = "RolloutStarted"
	// EventRolloutSucceeded tells that a rollout ended well.
	EventRolloutSucceeded = "RolloutSucceeded"
	// EventRolloutFailed tells that a rollout failed, and why: it is a warning.
	EventRolloutFailed = "RolloutFailed"
	// EventImagesUnresolved tells that a new revision runs an image as it is
	// written, because its registry could not be asked: it is a warning.
	EventImagesUnresolved = "ImagesUnresolved"
	// EventDriftRepaired reports that a change made by somebody else was reverted, and by
	// which field manager it was made, where that is known.
	EventDriftRepaired = "DriftRepaired"
	// EventRecreated tells that an object which somebody else deleted was created
	// again: it is a warning, for its pods, or its address, may be other ones.
	EventRecreated = "Recreated"
	// EventAdopted tells that an object that was there before is the stack's now.
	EventAdopted = "Adopted"
	// EventRemoved tells that an object the stack no longer needs was deleted.
	EventRemoved = "Removed"
)
