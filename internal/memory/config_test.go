// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package memory_test

import (
	"testing"
	"time"

	"github.com/appstack-dev/appstack/internal/memory"
)

// TestConfig shows from when on changes of ConfigMaps are gathered.
func TestConfig(t *testing.T) {
	var config memory.Config
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	never := time.Duration(-1)
	for i, step := range []struct {
		at, spec, change time.Duration
		generation       int64
		changed          bool
	}{
		{at: 0, generation: 1, spec: 0, change: never},
		{at: 1, generation: 1, spec: 0, changed: true, change: 1},
		{at: 2, generation: 1, spec: 0, changed: true, change: 1},
		{at: 3, generation: 2, spec: 3, changed: true, change: 1},
		{at: 4, generation: 2, spec: 3, change: never},
		{at: 5, generation: 2, spec: 3, changed: true, change: 5},
	} {
		spec, change := config.Observe(step.generation, step.changed, noon.Add(step.at))
		if want := noon.Add(step.spec); !spec.Equal(want) {
			t.Errorf("R32 step %d: the spec is as it is since %v, want %v", i, spec, want)
		}
		if change.IsZero() != (step.change == never) || !change.IsZero() && !change.Equal(noon.Add(step.change)) {
			t.Errorf("R32 step %d: changed since %v, want %v", i, change, step.change)
		}
	}
}
