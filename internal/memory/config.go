// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package memory

import "time"

// Config is when the operator first observed the stack's current spec, and a change of its
// ConfigMaps that is not released yet. The zero value is ready to use.
type Config struct {
	generation              int64
	specSince, changedSince time.Time
}

// Observe updates the times. changed says that ConfigMaps differ from those of the revision that
// runs. It returns since when the spec is as it is, and since when there is a difference; zero if
// there is none.
func (c *Config) Observe(generation int64, changed bool, now time.Time) (specSince, changedSince time.Time) {
	if c.generation != generation {
		c.generation, c.specSince = generation, now
	}
	switch {
	case !changed:
		c.changedSince = time.Time{}
	case c.changedSince.IsZero():
		c.changedSince = now
	}
	return c.specSince, c.changedSince
}
