// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model_test

import (
	"testing"
	"time"

	"github.com/appstack-dev/appstack/internal/model"
)

// TestRepeatsWait shows how long the same write waits for its turn again, and that
// a clock that is set meanwhile makes it wait no longer.
func TestRepeatsWait(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	last := model.Acceptance{Asked: "a", At: noon, Repeats: 5}
	tests := map[string]struct {
		asked string
		now   time.Time
		want  time.Duration
	}{
		"R28 at once":                     {"a", noon, 4 * time.Second},
		"R28 after a while":               {"a", noon.Add(3 * time.Second), time.Second},
		"R28 long after":                  {"a", noon.Add(time.Hour), 0},
		"R28 another write":               {"b", noon, 0},
		"R28 the clock is set back":       {"a", noon.Add(-time.Hour), 0},
		"R28 the clock is set back a bit": {"a", noon.Add(-time.Second), 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := last.Wait(test.asked, test.now); got != test.want {
				t.Errorf("it waits %s, want %s", got, test.want)
			}
		})
	}
}

// TestRepeatsAreCounted shows which writes are taken for a repeat of the last one.
func TestRepeatsAreCounted(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	last := model.Acceptance{Asked: "a", At: noon, Repeats: 5}
	tests := map[string]struct {
		asked string
		at    time.Time
		want  int
	}{
		"R28 the same":                            {"a", noon.Add(time.Minute), 6},
		"R28 another":                             {"b", noon.Add(time.Minute), 0},
		"R28 the same, long after":                {"a", noon.Add(time.Hour), 0},
		"R28 the same, and the clock is set back": {"a", noon.Add(-time.Hour), 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := last.Next(test.asked, "", 1, test.at).Repeats; got != test.want {
				t.Errorf("%d repeats are counted, want %d", got, test.want)
			}
		})
	}
}
