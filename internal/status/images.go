// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// imagesResolved returns the condition ImagesResolved: whether the images of the running components
// were resolved when their revision was created (R23). It is nil if no image was to be resolved.
func imagesResolved(components []model.Desired) *verdict {
	var resolved bool
	var failures []string
	reason := ""
	for _, component := range components {
		resolved = resolved || component.Provenance.Resolved
		if unresolved := component.Provenance.Unresolved; unresolved != nil {
			if reason == "" {
				reason = unresolved.Reason
			}
			kept := ""
			if component.Provenance.Facts != nil {
				kept = " (the settings from its last resolved image still apply)"
			}
			failures = append(failures, fmt.Sprintf("component %s: %s%s", component.Name, unresolved.Message, kept))
		}
	}
	switch {
	case len(failures) > 0:
		return &verdict{metav1.ConditionFalse, reason, "images run as written; " + sentences(failures)}
	case resolved:
		return &verdict{metav1.ConditionTrue, v1alpha1.ReasonImagesPinned, "the resolved images are pinned by their digests"}
	}
	return nil
}
