// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status

import (
	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
)

// failure returns the failure report of the last failed rollout. It stays until another rollout
// succeeds that is not an automatic rollback (R18).
func failure(timeline []model.Rollout) *v1alpha1.FailureStatus {
	failed := revision.ReportedFailure(timeline)
	if failed == nil {
		return nil
	}
	return &v1alpha1.FailureStatus{
		Revision:  failed.Revision,
		Component: failed.Failure.Component,
		Pod:       failed.Failure.Pod,
		Container: failed.Failure.Container,
		Reason:    failed.Failure.Reason,
		ExitCode:  failed.Failure.ExitCode,
		Message:   failed.Failure.Details(),
		FailedAt:  seconds(failed.Failure.At),
	}
}
