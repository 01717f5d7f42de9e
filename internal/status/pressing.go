// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// Pressing reports whether the next status contains a change that should be written at once: of a
// condition's status, a failure, a revision or an outcome. Pod counts, and messages that contain
// them, can be written a little later.
func Pressing(before, next v1alpha1.AppStackStatus) bool {
	return !equality.Semantic.DeepEqual(uncounted(before), uncounted(next))
}

// uncounted returns the status without the fields that follow the number of pods, and without
// addresses, which load balancers assign at their own pace.
func uncounted(status v1alpha1.AppStackStatus) v1alpha1.AppStackStatus {
	status.Replicas, status.ReadySummary, status.Address = nil, "", ""
	status.Components = slices.Clone(status.Components)
	for i := range status.Components {
		component := &status.Components[i]
		component.DesiredReplicas, component.Replicas, component.UpdatedReplicas = nil, nil, nil
		component.ReadyReplicas, component.AvailableReplicas, component.Address = nil, nil, ""
	}
	status.Conditions = slices.Clone(status.Conditions)
	for i := range status.Conditions {
		switch condition := &status.Conditions[i]; condition.Type {
		case v1alpha1.ConditionReady, v1alpha1.ConditionAvailable, v1alpha1.ConditionReconciling:
			condition.Message = "" // problems are in the message of Stalled too
		}
	}
	return status
}
