// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

// Phase is how far the newest rollout of a stack has come.
type Phase string

// The phases of a rollout.
const (
	// PhaseStarting is until its Deployments have been written.
	PhaseStarting Phase = "Starting"
	// PhaseProgressing is while its pods take the place of others.
	PhaseProgressing Phase = "Progressing"
	// PhasePaused is while spec.paused holds it up (R16a).
	PhasePaused Phase = "Paused"
	// PhaseFailed is once it was found to fail, as long as no other rollout begins: its
	// pods may recover still (R14).
	PhaseFailed Phase = "Failed"
	// PhaseSucceeded is once all of its pods have run as they should.
	PhaseSucceeded Phase = "Succeeded"
	// PhaseEnded is where it ended otherwise, and the record of what followed is gone.
	PhaseEnded Phase = "Ended"
)
