// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model_test

import (
	"testing"
	"time"

	"github.com/appstack-dev/appstack/internal/model"
)

// TestSightOf checks that the observations of a rollout apply neither to another rollout nor to the
// time after it resumed.
func TestSightOf(t *testing.T) {
	observations := model.Observations{Sequence: 2, From: noon, Began: noon, For: time.Hour}
	resumed := noon.Add(time.Minute)
	tests := map[string]struct {
		rollout model.Rollout
		seen    bool
	}{
		"R17 the rollout that was seen": {model.Rollout{Sequence: 2, StartedAt: noon}, true},
		"R17 another one":               {model.Rollout{Sequence: 3, StartedAt: noon}, false},
		"R16a one that resumed since":   {model.Rollout{Sequence: 2, StartedAt: noon, ResumedAt: &resumed}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if seen := !observations.Of(test.rollout).Began.IsZero(); seen != test.seen {
				t.Errorf("observed: %t, want %t", seen, test.seen)
			}
		})
	}
}

func TestSince(t *testing.T) {
	began := noon.Add(time.Minute)
	tests := map[string]struct {
		observations model.Observations
		now, want    time.Duration
	}{
		"R17 by the clock, where nothing was seen":   {model.Observations{}, 5 * time.Minute, 5 * time.Minute},
		"R17 what went by before, and what was seen": {model.Observations{Began: began, For: time.Minute}, 2 * time.Minute, 2 * time.Minute},
		"R17 the clock is set an hour ahead":         {model.Observations{Began: began, For: time.Minute}, time.Hour, 2 * time.Minute},
		"R17 the clock is set an hour back":          {model.Observations{Began: began, For: time.Minute}, -time.Hour, 2 * time.Minute},
		"R17 what was recorded is not later than when it was seen": {
			model.Observations{Began: noon.Add(-time.Hour), For: time.Minute}, -time.Hour, time.Minute,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.observations.Since(noon, noon.Add(test.now)); got != test.want {
				t.Errorf("Since = %s, want %s", got, test.want)
			}
		})
	}
}
