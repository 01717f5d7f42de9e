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

// entry returns a rollout of a revision. Unless it is in progress, it ended as many minutes after
// noon as its sequence number.
func entry(sequence, number int64, outcome v1alpha1.RolloutOutcome) model.Rollout {
	rollout := model.Rollout{
		Sequence: sequence, Revision: number, Outcome: outcome,
		StartedAt: noon.Add(time.Duration(sequence-1) * time.Minute),
	}
	if outcome != v1alpha1.OutcomeProgressing {
		end := noon.Add(time.Duration(sequence) * time.Minute)
		rollout.EndedAt = &end
	}
	return rollout
}

// with returns revisions with these rollouts.
func with(rollouts ...model.Rollout) []model.Revision {
	var revisions []model.Revision
	for number := int64(1); number <= 4; number++ {
		rev := model.Revision{Number: number}
		for _, rollout := range rollouts {
			if rollout.Revision == number {
				rev.Record.Rollouts = append(rev.Record.Rollouts, rollout)
			}
		}
		revisions = append(revisions, rev)
	}
	return revisions
}

const (
	progressing = v1alpha1.OutcomeProgressing
	succeeded   = v1alpha1.OutcomeSucceeded
	failed      = v1alpha1.OutcomeFailed
)

func TestTimeline(t *testing.T) {
	got := revision.Timeline(with(
		entry(1, 1, succeeded), entry(2, 2, progressing), entry(3, 3, failed), entry(4, 1, progressing),
	))
	overtaken := entry(2, 2, v1alpha1.OutcomeSuperseded)
	overtaken.EndedAt = &[]time.Time{noon.Add(2 * time.Minute)}[0]
	want := []model.Rollout{entry(4, 1, progressing), entry(3, 3, failed), overtaken, entry(1, 1, succeeded)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("R5 Timeline (-want +got):\n%s", diff)
	}
}

func TestServing(t *testing.T) {
	tests := map[string]struct {
		rollouts []model.Rollout
		target   int64
		want     []int64
	}{
		"R9 the first rollout":                  {[]model.Rollout{entry(1, 1, progressing)}, 1, nil},
		"R9 a rollout that succeeded":           {[]model.Rollout{entry(1, 1, succeeded), entry(2, 2, succeeded)}, 2, nil},
		"R9 the good one serves until the next": {[]model.Rollout{entry(1, 1, succeeded), entry(2, 2, progressing)}, 2, []int64{1}},
		"R9 so do those overtaken since": {
			[]model.Rollout{entry(1, 1, succeeded), entry(2, 2, succeeded), entry(3, 3, progressing), entry(4, 4, progressing)},
			4, []int64{3, 2},
		},
		"R9 back to the good one": {
			[]model.Rollout{entry(1, 1, succeeded), entry(2, 2, failed), entry(3, 1, progressing)}, 1, []int64{2},
		},
		"R9 a target that has not begun": {[]model.Rollout{entry(1, 1, succeeded)}, 2, []int64{1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := revision.Serving(revision.Timeline(with(test.rollouts...)), test.target)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Serving (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLastGood(t *testing.T) {
	empty := entry(4, 4, succeeded)
	empty.Empty = true
	early := ended(entry(2, 2, succeeded), -50) // the clock was set back an hour
	tests := map[string]struct {
		rollouts []model.Rollout
		want     int64
	}{
		"none yet": {[]model.Rollout{entry(1, 1, progressing)}, 0},
		"R12 not the one before, but the good one": {[]model.Rollout{entry(1, 1, succeeded), entry(2, 2, failed), entry(3, 3, failed)}, 1},
		"R12 the one that succeeded last, whatever the clock said": {
			[]model.Rollout{ended(entry(1, 1, succeeded), 10), early, entry(3, 3, failed)}, 2,
		},
		"R12 a rollback makes its target the last":  {[]model.Rollout{entry(1, 1, succeeded), entry(2, 2, succeeded), entry(3, 1, succeeded)}, 1},
		"R6 zero replicas prove nothing":            {[]model.Rollout{entry(1, 1, succeeded), empty}, 1},
		"R5 one that another overtook is not known": {[]model.Rollout{entry(1, 1, progressing), entry(2, 2, progressing)}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got int64
			if good := revision.LastGood(revision.Timeline(with(test.rollouts...))); good != nil {
				got = good.Revision
			}
			if got != test.want {
				t.Errorf("LastGood = %d, want %d", got, test.want)
			}
		})
	}
}

func TestBeginKeepsABoundedRecord(t *testing.T) {
	rev := model.Revision{Number: 1}
	for range 25 {
		rev = revision.Begin(rev, revision.Timeline([]model.Revision{rev}), model.Rollout{Trigger: v1alpha1.TriggerRollback})
	}
	rollouts := rev.Record.Rollouts
	if len(rollouts) != 10 || rollouts[9].Sequence != 25 || rollouts[0].Sequence != 16 {
		t.Errorf("got %d rollouts from %d to %d, want the newest 10 of 25",
			len(rollouts), rollouts[0].Sequence, rollouts[len(rollouts)-1].Sequence)
	}
}

func TestBeginKeepsTheLastGoodRollout(t *testing.T) {
	good := entry(1, 1, succeeded)
	rev := model.Revision{Number: 1, Record: model.Record{Rollouts: []model.Rollout{good}}}
	for range 25 {
		rev = revision.Begin(rev, revision.Timeline([]model.Revision{rev}), model.Rollout{Trigger: v1alpha1.TriggerRollback})
	}
	if last := revision.LastGood(revision.Timeline([]model.Revision{rev})); last == nil || last.Sequence != 1 {
		t.Errorf("R5 the last good rollout is %+v, want the first", last)
	}
	if got := len(rev.Record.Rollouts); got != 10 {
		t.Errorf("%d rollouts are recorded, want 10", got)
	}
}

func TestPrunable(t *testing.T) {
	good := func(numbers ...int64) []model.Revision {
		var rollouts []model.Rollout
		for i, number := range numbers {
			rollouts = append(rollouts, entry(int64(i+1), number, succeeded))
		}
		return with(rollouts...)
	}
	empty := good(1, 2, 3)
	empty[2].Record.Rollouts[0].Empty = true
	tests := map[string]struct {
		revisions []model.Revision
		limit     int
		keep      []int64
		want      []int64
	}{
		"R8 within the limit":                             {with(), 4, []int64{4}, nil},
		"R8 the oldest go":                                {with(), 2, []int64{4}, []int64{1, 2}},
		"R8 what is kept counts":                          {with(), 2, []int64{1}, []int64{2, 3}},
		"R8 the highest number stays (R3)":                {with(), 1, []int64{2}, []int64{1, 3}},
		"R8 all kept, whatever the limit":                 {with(), 1, []int64{1, 2, 3}, nil},
		"R8 a number that does not exist":                 {with(), 3, []int64{9}, []int64{1}},
		"R8 a limit that keeps only the newest":           {with(), 1, nil, []int64{1, 2, 3}},
		"R8 of good ones the oldest go":                   {good(1, 2, 3, 4), 2, []int64{4}, []int64{1, 2}},
		"R8 what never succeeded goes first":              {good(1, 4), 2, []int64{4}, []int64{2, 3}},
		"R8 what never succeeded goes first, oldest too":  {good(1, 4), 3, []int64{4}, []int64{2}},
		"R8 then the oldest good one":                     {good(1, 3, 4), 2, []int64{4}, []int64{2, 1}},
		"R8 what may still have pods pushes out no good":  {good(1), 2, []int64{2, 3, 4}, nil},
		"R8 nor does what is being rolled out":            {good(1, 2, 3), 3, []int64{3, 4}, nil},
		"R8 a good one too many goes all the same":        {good(1, 2, 3), 2, []int64{3, 4}, []int64{1}},
		"R6 R8 success with zero replicas proves nothing": {empty, 2, []int64{4}, []int64{3}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []int64
			for _, rev := range revision.Prunable(test.revisions, test.limit, test.keep) {
				got = append(got, rev.Number)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Prunable (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNext(t *testing.T) {
	if got := revision.Next(nil); got != 1 {
		t.Errorf("R3 the first number is %d, want 1", got)
	}
	if got := revision.Next([]model.Revision{{Number: 3}, {Number: 9}}); got != 10 {
		t.Errorf("R3 the number after 9 is %d, want 10", got)
	}
}
