// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model_test

import (
	"testing"
	"time"

	"github.com/appstack-dev/appstack/internal/model"
)

// TestRepairsWait checks how long a repeated repair waits, and that setting the clock does not make
// the wait longer.
func TestRepairsWait(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	last := model.LastWrite{Asked: "a", At: noon, Repairs: &model.Repairs{Count: 5}}
	tests := map[string]struct {
		asked   string
		content bool
		now     time.Time
		want    time.Duration
	}{
		"R28 at once":                     {"a", false, noon, 4 * time.Second},
		"R28 what pods run, at once":      {"a", true, noon, time.Second},
		"R28 after a while":               {"a", false, noon.Add(3 * time.Second), time.Second},
		"R28 long after":                  {"a", false, noon.Add(time.Hour), 0},
		"R28 another write":               {"b", false, noon, 0},
		"R28 the clock is set back":       {"a", false, noon.Add(-time.Hour), 0},
		"R28 the clock is set back a bit": {"a", false, noon.Add(-time.Second), 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := last.Wait(test.asked, test.content, test.now); got != test.want {
				t.Errorf("it waits %s, want %s", got, test.want)
			}
		})
	}
}

// TestRepairsAreCounted checks which repairs count as repeated.
func TestRepairsAreCounted(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	last := model.LastWrite{Asked: "a", At: noon, Repairs: &model.Repairs{Count: 5}}
	tests := map[string]struct {
		asked string
		at    time.Time
		want  int
	}{
		"R28 the same":                            {"a", noon.Add(time.Second), 6},
		"R28 another":                             {"b", noon.Add(time.Second), 1},
		"R28 the same, after it has stood":        {"a", noon.Add(time.Minute), 1},
		"R28 the same, and the clock is set back": {"a", noon.Add(-time.Hour), 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			next := last.Next(model.LastWrite{Asked: test.asked, At: test.at}, model.Change{Field: "spec.replicas"})
			if got := next.Repairs.Count; got != test.want {
				t.Errorf("%d repairs are counted, want %d", got, test.want)
			}
		})
	}
	if next := last.Next(model.LastWrite{Asked: "a", At: noon}, model.Change{}); next.Repairs != nil {
		t.Errorf("R28 a write that repairs nothing is counted: %+v", next.Repairs)
	}
}
