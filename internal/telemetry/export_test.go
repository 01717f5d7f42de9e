// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package telemetry

// Remembered is of how many stacks it is remembered which problem was told.
func (e *Events) Remembered() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.told)
}
