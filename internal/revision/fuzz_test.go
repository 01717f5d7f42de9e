// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// images are the images of the specs; sources are the specs' hashes.
var images = []string{"a", "b", "c"}

func sources() []string {
	var hashes []string
	for _, image := range images {
		hashes = append(hashes, revision.SourceHash(Stack("shop", Image(image)).Spec))
	}
	return hashes
}

// dice provides the fuzzer's random numbers: a byte for each roll, and 0 when none are left.
type dice []byte

// roll returns a number below n.
func (d *dice) roll(n int) int {
	if len(*d) == 0 {
		return 0
	}
	first := (*d)[0]
	*d = (*d)[1:]
	return int(first) % n
}

func (d *dice) yes() bool { return d.roll(2) == 1 }

// time returns a time within an hour after noon.
func (d *dice) time() time.Time { return noon.Add(time.Duration(d.roll(60)) * time.Minute) }

func (d *dice) spec() v1alpha1.AppStackSpec {
	options := []Option{Image(images[d.roll(len(images))]), Paused(d.yes())}
	if d.yes() {
		options = append(options, RollbackTo(int64(d.roll(8)), int64(d.roll(8))))
	}
	if d.yes() {
		options = append(options, RestartedAt(d.time()))
	}
	return Stack("shop", options...).Spec
}

// revisions are in the order of their numbers, some of which were pruned.
func (d *dice) revisions(sources []string) []model.Revision {
	var all []model.Revision
	number := int64(0)
	for range d.roll(5) {
		number += int64(1 + d.roll(2))
		rev := model.Revision{Number: number, Record: model.Record{Sources: []string{sources[d.roll(len(sources))]}}}
		if d.yes() {
			rev.Record.Sources = append(rev.Record.Sources, sources[d.roll(len(sources))])
		}
		if d.yes() {
			at := d.time()
			rev.Record.RestartedAt = &at
		}
		for range d.roll(4) {
			rev.Record.Rollouts = append(rev.Record.Rollouts, d.rollout(number))
		}
		all = append(all, rev)
	}
	return all
}

func (d *dice) rollout(number int64) model.Rollout {
	triggers := []v1alpha1.RolloutTrigger{
		v1alpha1.TriggerSpecChanged, v1alpha1.TriggerAutoRollback, v1alpha1.TriggerRollback, v1alpha1.TriggerRestart,
	}
	outcomes := []v1alpha1.RolloutOutcome{
		v1alpha1.OutcomeProgressing, v1alpha1.OutcomeSucceeded, v1alpha1.OutcomeFailed, v1alpha1.OutcomeSuperseded,
	}
	made := model.Rollout{
		Sequence: int64(d.roll(12)), Trigger: triggers[d.roll(4)], Outcome: outcomes[d.roll(4)], StartedAt: d.time(),
		Empty: d.roll(4) == 3, Declared: d.yes(), From: int64(d.roll(8)), Revision: number,
	}
	if made.Outcome != v1alpha1.OutcomeProgressing && d.roll(8) != 7 { // a record may be damaged
		end := d.time()
		made.EndedAt = &end
	}
	if d.yes() || made.Outcome == v1alpha1.OutcomeFailed {
		made.Failure = &model.Failure{Reason: v1alpha1.FailureCrashLoopBackOff, Component: "main", Message: "words"}
	}
	return made
}

// FuzzChoose chooses from arbitrary records: written by several operator versions, edited by hand,
// with numbers and rollouts missing.
func FuzzChoose(f *testing.F) {
	// The bytes encode the spec's image, and whether it is paused, rolls back and restarts; then
	// the number of revisions; then for each its number, its sources, its restart and its rollouts.
	var (
		imageA, imageC = []byte{0, 0, 0, 0}, []byte{2, 0, 0, 0}
		backTo1        = []byte{1, 0, 1, 1, 0, 0}
		backTo1From2   = []byte{1, 0, 1, 1, 2, 0}
		movedOn        = []byte{2, 0, 1, 1, 2, 0}
		backToNowhere  = []byte{1, 0, 1, 7, 0, 0}
		restart        = []byte{0, 0, 0, 1, 30}
		two            = []byte{2}
		good           = []byte{0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 1, 0}
		goodTwice      = []byte{0, 0, 0, 0, 2, 1, 0, 1, 0, 0, 0, 0, 1, 0, 3, 1, 1, 2, 0, 0, 2, 3, 0}
		failed         = []byte{0, 1, 0, 0, 1, 2, 0, 0, 1, 0, 0, 0, 1}
	)
	for _, seed := range [][][]byte{
		{},
		{imageA, two, good, failed},
		{imageC, two, good, failed},
		{imageA, two, goodTwice, failed},
		{backTo1, two, good, failed},
		{backTo1From2, two, good, failed},
		{movedOn, two, good, failed},
		{backToNowhere, two, good, failed},
		{restart, two, goodTwice, failed},
	} {
		f.Add(slices.Concat(seed...))
	}

	hashes := sources()
	f.Fuzz(func(t *testing.T, data []byte) {
		made, again := dice(slices.Clone(data)), dice(slices.Clone(data))
		spec, sameSpec := made.spec(), again.spec()
		revisions, same := made.revisions(hashes), again.revisions(hashes)

		choice := revision.Choose(spec, revisions, 0, nil)
		if second := revision.Choose(spec, revisions, 0, nil); !reflect.DeepEqual(choice, second) {
			t.Errorf("chosen twice (-first +second):\n%s", cmp.Diff(choice, second))
		}
		checkChoice(t, choice, revisions)
		timeline := revision.Timeline(revisions)
		if second := revision.Timeline(revisions); !reflect.DeepEqual(timeline, second) {
			t.Errorf("timeline built twice (-first +second):\n%s", cmp.Diff(timeline, second))
		}
		checkTimeline(t, timeline)
		if !reflect.DeepEqual(sameSpec, spec) || !reflect.DeepEqual(same, revisions) {
			t.Errorf("the input changed (-before +after):\n%s%s", cmp.Diff(sameSpec, spec), cmp.Diff(same, revisions))
		}
	})
}

func checkChoice(t *testing.T, choice revision.Choice, revisions []model.Revision) {
	t.Helper()
	if choice.Number != 0 && revision.Find(revisions, choice.Number) == nil {
		t.Errorf("revision %d is chosen, which does not exist", choice.Number)
	}
	if choice.Problem != nil {
		if diff := cmp.Diff(revision.Choice{Problem: choice.Problem}, choice); diff != "" {
			t.Errorf("R15 a choice despite the problem (-want +got):\n%s", diff)
		}
		return
	}
	if choice.Trigger == "" || choice.Message == "" {
		t.Errorf("chosen without a reason: %+v", choice)
	}
	if choice.Restart != nil && choice.Number != 0 {
		t.Errorf("R16a a restart by the existing revision %d", choice.Number)
	}
}

func checkTimeline(t *testing.T, timeline []model.Rollout) {
	t.Helper()
	for i, rollout := range timeline {
		if i > 0 && rollout.Open() {
			t.Errorf("R5 rollout %d is open, but is followed by another one", rollout.Sequence)
		}
	}
	if target := revision.RollbackTarget(timeline); target != nil {
		newest := timeline[0]
		switch {
		case !target.Good():
			t.Errorf("R12 rollback to %+v, which is not good", target)
		case !newest.Failed() || !newest.Open():
			t.Errorf("R12 rollback from %+v, which has not failed", newest)
		case newest.Trigger == v1alpha1.TriggerAutoRollback:
			t.Errorf("R13 rollback from %+v, which is a rollback itself", newest)
		case target.Revision == newest.Revision:
			t.Errorf("R14 rollback from revision %d to itself", newest.Revision)
		}
	}
	if reported := revision.ReportedFailure(timeline); reported != nil && !reported.Failed() {
		t.Errorf("R18 a failure report of %+v, which has not failed", reported)
	}
	if from := revision.RolledBackFrom(timeline); from != nil && !from.Failed() {
		t.Errorf("R12 rolled back from %+v, which has not failed", from)
	}
}
