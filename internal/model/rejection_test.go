// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/appstack-dev/appstack/internal/model"
)

// TestPausesAfterRefusals checks the backoff after rejections.
func TestPausesAfterRefusals(t *testing.T) {
	const s, m = time.Second, time.Minute
	tests := map[string]struct {
		refusal model.Rejection
		want    []time.Duration
	}{
		"R4 what was asked":   {model.Rejection{Asked: model.Asked{Hash: "00"}}, []time.Duration{30 * s, m, 2 * m, 4 * m, 5 * m, 5 * m, 5 * m}},
		"R17 what may pass":   {model.Rejection{Asked: model.Asked{Hash: "00"}, Passing: true}, []time.Duration{30 * s, m, m, m, m}},
		"R4 spread":           {model.Rejection{Asked: model.Asked{Hash: "80"}}, []time.Duration{31500 * time.Millisecond, 63 * s}},
		"R4 spread the most":  {model.Rejection{Asked: model.Asked{Hash: "ff"}}, []time.Duration{32988281250 * time.Nanosecond}},
		"R4 no hash":          {model.Rejection{Asked: model.Asked{Hash: "what"}}, []time.Duration{30 * s}},
		"R4 nothing is known": {model.Rejection{}, []time.Duration{30 * s}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var last model.Rejection
			var got []time.Duration
			for range test.want {
				last, _ = test.refusal.After(last)
				got = append(got, last.Pause())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("pauses (-want +got):\n%s", diff)
			}
		})
	}
	if got := (model.Rejection{Times: 1 << 30}).Pause(); got != 5*m {
		t.Errorf("R4 after very many rejections the pause is %s, want 5 m", got)
	}
}

// TestWaitAfterRefusal checks when a rejected step is due again.
func TestWaitAfterRefusal(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	refusal := model.Rejection{Asked: model.Asked{Hash: "00", Basis: "a"}, At: noon, Times: 1}
	tests := map[string]struct {
		basis string
		now   time.Time
		want  time.Duration
	}{
		"R4 at once":               {"a", noon, 30 * time.Second},
		"R4 later":                 {"a", noon.Add(20 * time.Second), 10 * time.Second},
		"R4 in time":               {"a", noon.Add(30 * time.Second), 0},
		"R4 on another basis":      {"b", noon, 0},
		"R4 the clock is set back": {"a", noon.Add(-time.Hour), 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := refusal.Wait(model.StartRollout{Basis: test.basis}, test.now); got != test.want {
				t.Errorf("it waits %s, want %s", got, test.want)
			}
		})
	}
}
