// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// TestTook checks how long a rollout took, or has taken so far. The duration is unknown if the
// clock was set back meanwhile.
func TestTook(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) *metav1.Time { return ptr.To(metav1.NewTime(noon.Add(d))) }
	tests := map[string]struct {
		now   time.Duration
		ended *metav1.Time
		want  string
	}{
		"R5 one that has ended":               {time.Hour, at(90 * time.Second), "90s"},
		"R5 one that goes on":                 {90 * time.Second, nil, "90s+"},
		"R5 one that ended before it began":   {time.Hour, at(-time.Hour), "-"},
		"R5 one that is to begin, by now":     {-time.Hour, nil, "-"},
		"R5 one that began a moment from now": {-time.Second, nil, "0s+"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			view := View{Now: noon.Add(test.now)}
			rollout := v1alpha1.RolloutStatus{StartedAt: *at(0), EndedAt: test.ended}
			if got := view.took(rollout); got != test.want {
				t.Errorf("it took %q, want %q", got, test.want)
			}
		})
	}
}
