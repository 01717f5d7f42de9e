// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status

import (
	"cmp"

	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/imageconfig"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
)

// history returns the timeline in the form of the API (R5).
func history(timeline []model.Rollout, revisions []model.Revision) []v1alpha1.RolloutStatus {
	var entries []v1alpha1.RolloutStatus
	for _, rollout := range timeline[:min(len(timeline), maxHistory)] {
		rev := revision.Find(revisions, rollout.Revision)
		entry := v1alpha1.RolloutStatus{
			Revision:  rollout.Revision,
			Images:    images(rev.Content),
			Cause:     cmp.Or(rollout.Cause, rev.Record.ChangeCause),
			Trigger:   rollout.Trigger,
			Outcome:   rollout.Outcome,
			StartedAt: seconds(rollout.StartedAt),
			Message:   rollout.Message,
		}
		if rollout.Failed() {
			entry.Message += "; failed: " + rollout.Failure.Summary()
		}
		if rollout.EndedAt != nil {
			entry.EndedAt = ptr.To(seconds(*rollout.EndedAt))
		}
		entries = append(entries, entry)
	}
	return entries
}

func images(content model.Content) []v1alpha1.ImageStatus {
	var images []v1alpha1.ImageStatus
	for _, component := range content.Components {
		image := component.App().Image
		images = append(images, v1alpha1.ImageStatus{
			Component: component.Name,
			Image:     image,
			Pinned:    imageconfig.Pinned(image),
		})
	}
	return images
}
