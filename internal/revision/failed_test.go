// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
)

// broken returns the rollout with a failure.
func broken(rollout model.Rollout) model.Rollout {
	rollout.Failure = &model.Failure{Reason: v1alpha1.FailureCrashLoopBackOff, Component: "main", Message: "its last words"}
	return rollout
}

// back returns the rollout as an automatic rollback.
func back(rollout model.Rollout) model.Rollout {
	rollout.Trigger = v1alpha1.TriggerAutoRollback
	return rollout
}

// empty returns the rollout without pods.
func empty(rollout model.Rollout) model.Rollout {
	rollout.Empty = true
	return rollout
}

// ended returns the rollout with an end this many minutes after noon.
func ended(rollout model.Rollout, minutes int) model.Rollout {
	end := noon.Add(time.Duration(minutes) * time.Minute)
	rollout.EndedAt = &end
	return rollout
}

// found returns the revision and the sequence of a rollout, or zeros for nil.
func found(rollout *model.Rollout) [2]int64 {
	if rollout == nil {
		return [2]int64{}
	}
	return [2]int64{rollout.Revision, rollout.Sequence}
}

// picks are tests of a function that picks a rollout from a timeline.
type picks map[string]struct {
	rollouts []model.Rollout
	want     [2]int64 // revision and sequence
}

func (p picks) run(t *testing.T, pick func([]model.Rollout) *model.Rollout) {
	t.Helper()
	for name, test := range p {
		t.Run(name, func(t *testing.T) {
			got := found(pick(revision.Timeline(with(test.rollouts...))))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("revision and sequence (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRollbackTarget(t *testing.T) {
	none := [2]int64{}
	failing := func(sequence, number int64) model.Rollout { return broken(entry(sequence, number, progressing)) }
	picks{
		"R12 no rollout":         {nil, none},
		"R12 one that goes on":   {[]model.Rollout{entry(1, 1, succeeded), entry(2, 2, progressing)}, none},
		"R12 one that is good":   {[]model.Rollout{entry(1, 1, succeeded), entry(2, 2, succeeded)}, none},
		"R12 the one before":     {[]model.Rollout{entry(1, 1, succeeded), failing(2, 2)}, [2]int64{1, 1}},
		"R14 one that recovered": {[]model.Rollout{entry(1, 1, succeeded), broken(entry(2, 2, succeeded))}, none},
		"R12 the last good one, not the one before": {
			[]model.Rollout{entry(1, 1, succeeded), failing(2, 2), entry(3, 3, progressing), failing(4, 4)}, [2]int64{1, 1},
		},
		"R12 by the order of rollouts, not by number": {
			[]model.Rollout{entry(1, 1, succeeded), entry(2, 2, succeeded), entry(3, 1, succeeded), failing(4, 3)}, [2]int64{1, 3},
		},
		"R12 by the order of rollouts, not by the clock, which was set back": {
			[]model.Rollout{ended(entry(1, 1, succeeded), 10), ended(entry(2, 2, succeeded), -40), failing(3, 3)}, [2]int64{2, 2},
		},
		"R12 one that recovered is good": {
			[]model.Rollout{entry(1, 1, succeeded), broken(entry(2, 2, succeeded)), failing(3, 3)}, [2]int64{2, 2},
		},
		"R12 a way back that succeeded is good": {
			[]model.Rollout{entry(1, 1, succeeded), failing(2, 2), back(entry(3, 1, succeeded)), failing(4, 3)}, [2]int64{1, 3},
		},
		"R12 a manual rollback that fails is a rollout": {
			[]model.Rollout{entry(1, 1, progressing), entry(2, 2, succeeded), failing(3, 1)}, [2]int64{2, 2},
		},
		"R13 no way back from a way back": {
			[]model.Rollout{entry(1, 1, succeeded), entry(2, 2, succeeded), failing(3, 3), back(failing(4, 2))}, none,
		},
		"R13 not even to another good one": {
			[]model.Rollout{entry(1, 1, succeeded), entry(2, 2, succeeded), failing(3, 3), back(failing(4, 1))}, none,
		},
		"R13 from one that is over neither": {[]model.Rollout{entry(1, 1, succeeded), broken(entry(2, 2, failed))}, none},
		"R14 nothing ran before":            {[]model.Rollout{failing(1, 1)}, none},
		"R14 nothing good ran before":       {[]model.Rollout{failing(1, 1), entry(2, 2, progressing), failing(3, 3)}, none},
		"R14 the same revision":             {[]model.Rollout{entry(1, 1, succeeded), failing(2, 1)}, none},
		"R12 not the revision that fails":   {[]model.Rollout{entry(1, 1, succeeded), entry(2, 2, succeeded), failing(3, 2)}, [2]int64{1, 1}},
		"R6 no pods are no proof":           {[]model.Rollout{empty(entry(1, 1, succeeded)), failing(2, 2)}, none},
		"R6 a good one before no pods": {
			[]model.Rollout{entry(1, 1, succeeded), empty(entry(2, 2, succeeded)), failing(3, 3)}, [2]int64{1, 1},
		},
		"R6 no pods in the same": {
			[]model.Rollout{entry(1, 1, succeeded), empty(entry(2, 2, succeeded)), failing(3, 2)}, [2]int64{1, 1},
		},
	}.run(t, revision.RollbackTarget)
}

func TestReportedFailure(t *testing.T) {
	none := [2]int64{}
	picks{
		"R18 nothing failed":        {[]model.Rollout{entry(1, 1, succeeded), entry(2, 2, progressing)}, none},
		"R18 the newest has failed": {[]model.Rollout{entry(1, 1, succeeded), broken(entry(2, 2, progressing))}, [2]int64{2, 2}},
		"R18 the way back goes on": {
			[]model.Rollout{entry(1, 1, succeeded), broken(entry(2, 2, progressing)), back(entry(3, 1, progressing))}, [2]int64{2, 2},
		},
		"R18 the way back succeeded": {
			[]model.Rollout{entry(1, 1, succeeded), broken(entry(2, 2, progressing)), back(entry(3, 1, succeeded))}, [2]int64{2, 2},
		},
		"R18 the way back failed": {
			[]model.Rollout{entry(1, 1, succeeded), broken(entry(2, 2, progressing)), back(broken(entry(3, 1, progressing)))}, [2]int64{1, 3},
		},
		"R18 the way back failed and recovered": {
			[]model.Rollout{entry(1, 1, succeeded), broken(entry(2, 2, progressing)), back(broken(entry(3, 1, succeeded)))}, [2]int64{2, 2},
		},
		"R18 the next one goes on": {
			[]model.Rollout{broken(entry(1, 1, progressing)), back(entry(2, 1, succeeded)), entry(3, 3, progressing)}, [2]int64{1, 1},
		},
		"R18 the next one was overtaken": {
			[]model.Rollout{broken(entry(1, 1, progressing)), entry(2, 2, progressing), entry(3, 3, progressing)}, [2]int64{1, 1},
		},
		"R18 the next one succeeded": {
			[]model.Rollout{broken(entry(1, 2, progressing)), back(entry(2, 1, succeeded)), entry(3, 3, succeeded)}, none,
		},
		"R18 a rollback by hand succeeded": {
			[]model.Rollout{entry(1, 1, succeeded), broken(entry(2, 2, progressing)), entry(3, 1, succeeded)}, none,
		},
		"R14 it recovered": {[]model.Rollout{broken(entry(1, 1, succeeded))}, none},
		"R18 the newest of two that failed": {
			[]model.Rollout{broken(entry(1, 1, progressing)), broken(entry(2, 2, progressing))}, [2]int64{2, 2},
		},
	}.run(t, revision.ReportedFailure)
}

func TestRolledBackFrom(t *testing.T) {
	none := [2]int64{}
	picks{
		"R19 nothing":         {nil, none},
		"R19 no rollback":     {[]model.Rollout{broken(entry(1, 1, progressing)), entry(2, 2, progressing)}, none},
		"R19 a way back":      {[]model.Rollout{broken(entry(1, 2, progressing)), back(entry(2, 1, progressing))}, [2]int64{2, 1}},
		"R19 one that failed": {[]model.Rollout{broken(entry(1, 2, progressing)), back(broken(entry(2, 1, progressing)))}, [2]int64{2, 1}},
		"R19 one that is over": {
			[]model.Rollout{broken(entry(1, 2, progressing)), back(entry(2, 1, succeeded)), entry(3, 3, progressing)}, none,
		},
		"R19 one from what is not recorded any more": {[]model.Rollout{entry(1, 2, succeeded), back(entry(2, 1, progressing))}, none},
		"R19 one from nothing at all":                {[]model.Rollout{back(entry(2, 1, progressing))}, none},
	}.run(t, revision.RolledBackFrom)
}

// TestOvertaken checks the outcome of a rollout that is followed by another one.
func TestOvertaken(t *testing.T) {
	type end struct {
		Outcome v1alpha1.RolloutOutcome
		Minutes float64
	}
	tests := map[string]struct {
		rollout model.Rollout
		want    end
	}{
		"R5 one that went on":            {entry(1, 1, progressing), end{v1alpha1.OutcomeSuperseded, 5}},
		"R12 one that was found to fail": {broken(entry(1, 1, progressing)), end{v1alpha1.OutcomeFailed, 5}},
		"R5 one that had ended":          {entry(1, 1, succeeded), end{v1alpha1.OutcomeSucceeded, 1}},
		"R14 one that had recovered":     {broken(entry(1, 1, succeeded)), end{v1alpha1.OutcomeSucceeded, 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			next := entry(6, 2, progressing) // starts five minutes after noon
			got := revision.Timeline(with(test.rollout, next))[1]
			if diff := cmp.Diff(test.want, end{got.Outcome, got.EndedAt.Sub(noon).Minutes()}); diff != "" {
				t.Errorf("Timeline (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSuperseded(t *testing.T) {
	overtaken := ended(entry(2, 2, v1alpha1.OutcomeSuperseded), 9)
	tests := map[string]struct {
		timeline []model.Rollout
		want     *model.Rollout
	}{
		"R5 none before":       {nil, nil},
		"R5 one that goes on":  {[]model.Rollout{entry(2, 2, progressing), entry(1, 1, succeeded)}, &overtaken},
		"R5 one that is over":  {[]model.Rollout{entry(2, 2, succeeded), entry(1, 1, succeeded)}, nil},
		"R12 one that failed":  {[]model.Rollout{broken(entry(2, 2, progressing)), entry(1, 1, succeeded)}, nil},
		"R5 only the last one": {[]model.Rollout{entry(2, 2, succeeded), entry(1, 1, progressing)}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := revision.Superseded(test.timeline, noon.Add(9*time.Minute))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Superseded (-want +got):\n%s", diff)
			}
			if len(test.timeline) > 0 && test.timeline[0].Outcome == v1alpha1.OutcomeSuperseded {
				t.Error("Superseded changed the timeline")
			}
		})
	}
}

// TestBeginShortensEarlierFailures checks that records stay small: only one failure is reported at
// a time (R18).
func TestBeginShortensEarlierFailures(t *testing.T) {
	first, second := broken(entry(1, 2, failed)), broken(entry(2, 2, failed))
	rev := model.Revision{Number: 2, Record: model.Record{Rollouts: []model.Rollout{first, second}}}
	got := revision.Begin(rev, revision.Timeline([]model.Revision{rev}), model.Rollout{Trigger: v1alpha1.TriggerRollback, StartedAt: noon})

	short := &model.Failure{Reason: v1alpha1.FailureCrashLoopBackOff, Component: "main"}
	want := []model.Rollout{entry(1, 2, failed), entry(2, 2, failed), {
		Sequence: 3, Revision: 2, Trigger: v1alpha1.TriggerRollback, Outcome: progressing, StartedAt: noon,
	}}
	want[0].Failure, want[1].Failure = short, second.Failure // reported until the new rollout has ended
	if diff := cmp.Diff(want, got.Record.Rollouts); diff != "" {
		t.Errorf("Begin (-want +got):\n%s", diff)
	}
	// the input is shared
	if diff := cmp.Diff([]model.Rollout{broken(entry(1, 2, failed)), broken(entry(2, 2, failed))}, rev.Record.Rollouts); diff != "" {
		t.Errorf("Begin changed its input (-before +after):\n%s", diff)
	}
}
