// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import "time"

// Within reports whether less than the duration has passed. If now is before since, because the
// clock was set back, it returns false: waiting for the clock to catch up could take hours.
func Within(duration time.Duration, since, now time.Time) bool {
	passed := now.Sub(since)
	return passed >= 0 && passed < duration
}
