// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package memory_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
)

// set is a clock whose wall time can be set while its monotonic time goes on.
type set struct {
	measured time.Duration
	ahead    time.Duration
}

func (c *set) Now() time.Time { return noon.Add(c.measured + c.ahead) }

// Since returns the monotonic time since a reading from before the clock was set.
func (c *set) Since(then time.Time) time.Duration {
	if then.Sub(noon) > 30*time.Minute {
		then = then.Add(-c.ahead)
	}
	return noon.Add(c.measured).Sub(then)
}

// noting returns a Deployment whose controller reported progress at a time, or none yet, and whose
// pods may be rejected.
func noting(at *time.Time, reason string, refused bool) map[string]*appsv1.Deployment {
	deployment := &appsv1.Deployment{}
	if at != nil {
		deployment.Status.Conditions = append(deployment.Status.Conditions, appsv1.DeploymentCondition{
			Type: appsv1.DeploymentProgressing, Reason: reason, LastUpdateTime: metav1.NewTime(*at),
		})
	}
	if refused {
		deployment.Status.Conditions = append(deployment.Status.Conditions, appsv1.DeploymentCondition{
			Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue,
		})
	}
	return map[string]*appsv1.Deployment{"shop": deployment}
}

// TestSight checks what is remembered of a rollout: how long ago a change was observed.
func TestSight(t *testing.T) {
	const ten = 10 * time.Second
	const updated, timedOut = "ReplicaSetUpdated", "ProgressDeadlineExceeded"
	var (
		clock        = &set{}
		observations memory.Observations
		open         = model.Rollout{Sequence: 1, Outcome: v1alpha1.OutcomeProgressing, StartedAt: noon}
		before       = noon.Add(-time.Minute)
		later        = noon.Add(20 * time.Second)
	)
	seen := func(lasts time.Duration, progress, refused map[string]time.Duration) model.Observations {
		if progress == nil {
			progress = map[string]time.Duration{}
		}
		if refused == nil {
			refused = map[string]time.Duration{}
		}
		return model.Observations{
			Sequence: open.Sequence, From: open.DeadlineFrom(), Began: noon.Add(clock.measured + clock.ahead - lasts), For: lasts,
			Progress: progress, Refused: refused,
		}
	}
	another := func(sequence int64) func() { return func() { open.Sequence = sequence } }
	resumed := func() { open.ResumedAt = ptr.To(noon.Add(time.Minute)) }
	for _, step := range []struct {
		what        string
		change      func()
		deployments map[string]*appsv1.Deployment
		want        func() model.Observations
	}{
		{"the first", nil, noting(&before, updated, false), func() model.Observations { return seen(0, nil, nil) }},
		{"nothing new", nil, noting(&before, updated, false), func() model.Observations { return seen(ten, nil, nil) }},
		{"progress", nil, noting(&later, updated, false), func() model.Observations { return seen(2*ten, of(0), nil) }},
		{"pods are refused", nil, noting(&later, updated, true), func() model.Observations { return seen(3*ten, of(10), of(0)) }},
		{"no progress for too long", nil, noting(&before, timedOut, true), func() model.Observations { return seen(4*ten, of(20), of(10)) }},
		{"pods are refused no more", nil, noting(&later, updated, false), func() model.Observations { return seen(5*ten, of(30), nil) }},
		{"another rollout", another(2), noting(&later, updated, true), func() model.Observations { return seen(0, nil, of(0)) }},
		{"a pause has ended", resumed, noting(&later, updated, true), func() model.Observations { return seen(0, nil, of(0)) }},
		{"nothing was noted yet", another(3), noting(nil, "", false), func() model.Observations { return seen(0, nil, nil) }},
		{"something is noted now", nil, noting(&before, updated, false), func() model.Observations { return seen(ten, of(0), nil) }},
	} {
		if step.change != nil {
			step.change()
		}
		got := observations.Observe(open, step.deployments, clock)
		if diff := cmp.Diff(step.want(), got); diff != "" {
			t.Errorf("R17 %s: Observe (-want +got):\n%s", step.what, diff)
		}
		clock.measured += ten
	}

	// the clock is set an hour ahead, but no more time has passed
	clock.ahead = time.Hour
	got := observations.Observe(open, noting(&before, updated, false), clock)
	if got.For != 2*ten || got.Progress["shop"] != ten {
		t.Errorf("R17 after the clock was set: %+v, want 20 s, and progress 10 s ago", got)
	}
	observations.Forget()
	if got := observations.Observe(open, nil, clock); got.For != 0 {
		t.Errorf("R17 a forgotten stack has been observed for %s", got.For)
	}
}

// of returns this many seconds for Deployment shop.
func of(seconds int) map[string]time.Duration {
	return map[string]time.Duration{"shop": time.Duration(seconds) * time.Second}
}
