// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package telemetry

// Remembered is the number of stacks of which the last problem is remembered.
func (e *Events) Remembered() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.told)
}
