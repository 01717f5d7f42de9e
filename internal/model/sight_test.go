// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model_test

import (
	"testing"
	"time"

	"github.com/appstack-dev/appstack/internal/model"
)

func TestSince(t *testing.T) {
	began := noon.Add(time.Minute)
	tests := map[string]struct {
		sight     model.Sight
		now, want time.Duration
	}{
		"R17 by the clock, where nothing was seen":   {model.Sight{}, 5 * time.Minute, 5 * time.Minute},
		"R17 what went by before, and what was seen": {model.Sight{Began: began, For: time.Minute}, 2 * time.Minute, 2 * time.Minute},
		"R17 the clock is set an hour ahead":         {model.Sight{Began: began, For: time.Minute}, time.Hour, 2 * time.Minute},
		"R17 the clock is set an hour back":          {model.Sight{Began: began, For: time.Minute}, -time.Hour, 2 * time.Minute},
		"R17 what was recorded is not later than when it was seen": {
			model.Sight{Began: noon.Add(-time.Hour), For: time.Minute}, -time.Hour, time.Minute,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.sight.Since(noon, noon.Add(test.now)); got != test.want {
				t.Errorf("Since = %s, want %s", got, test.want)
			}
		})
	}
}
