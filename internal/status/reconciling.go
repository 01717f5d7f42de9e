// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// reconciling returns the condition Reconciling while a change is in progress. It is nil if there
// is none, or if the change is blocked until a user acts.
func reconciling(in Input) *verdict {
	current := ready(in)
	switch current.reason {
	case v1alpha1.ReasonProgressing, v1alpha1.ReasonScaling, v1alpha1.ReasonPaused,
		v1alpha1.ReasonRetrying, v1alpha1.ReasonWaitingForDeletion:
		current.status = metav1.ConditionTrue
		return &current
	}
	return nil
}
