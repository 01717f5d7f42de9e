// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package memory

import (
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// Status is the last one of the stack that was written. Without it, the next is written a
// moment sooner.
type Status struct {
	// Replaced is the resource version of the stack that the write replaced.
	Replaced string
	// At is when it was written.
	At time.Time
	// Held is what the last reconcile has not written; nil where it has. The first of such
	// reconciles in a row was at Since.
	Held  *v1alpha1.AppStackStatus
	Since time.Time
}
