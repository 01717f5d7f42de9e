// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// stalled returns the condition Stalled while a user has to act, and nil otherwise.
func stalled(in Input) *verdict {
	if problem := in.problem(); problem != nil {
		return &verdict{metav1.ConditionTrue, problem.Reason, problem.Message}
	}
	return nil
}
