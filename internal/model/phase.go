// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

// Phase is the progress of a stack's newest rollout.
type Phase string

// The phases of a rollout.
const (
	// PhaseStarting lasts until the rollout's Deployments have been written.
	PhaseStarting Phase = "Starting"
	// PhaseProgressing lasts while new pods replace others.
	PhaseProgressing Phase = "Progressing"
	// PhasePaused lasts while spec.paused holds the rollout up (R16a).
	PhasePaused Phase = "Paused"
	// PhaseFailed lasts from the failure of the rollout until another rollout starts. Its pods
	// may still recover (R14).
	PhaseFailed Phase = "Failed"
	// PhaseSucceeded begins when all pods of the rollout have become available.
	PhaseSucceeded Phase = "Succeeded"
	// PhaseEnded is the phase of a rollout that ended without success, if the record of the
	// next rollout is gone.
	PhaseEnded Phase = "Ended"
)
