// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import "time"

// Within says whether less than the duration has passed. Where the clock was set
// back since, nobody knows, and it is taken to have: what waits for a clock to
// catch up may wait for hours.
func Within(duration time.Duration, since, now time.Time) bool {
	passed := now.Sub(since)
	return passed >= 0 && passed < duration
}
