// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package memory

import (
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// Status is the last status of the stack that was written. Losing it only makes the next write of
// the status come earlier.
type Status struct {
	// Replaced is the resource version of the stack before the write.
	Replaced string
	// At is the time of the write.
	At time.Time
	// Held is the status that the last reconcile computed but did not write yet; nil if there is
	// none. Since is when the first of several consecutive reconciles held its status back.
	Held  *v1alpha1.AppStackStatus
	Since time.Time
}
