// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// longest returns a record of maximum size filled with the text: rollouts that failed with long
// messages, and images that could not be looked up, in several spellings.
func longest(text string) model.Revision {
	words := strings.Repeat(text, 9000/len(text))
	rev := model.Revision{Number: 2, Content: model.Content{Components: []model.Component{{Name: naming.Main}}}}
	rev.Content.Components[0].Selector = naming.Selector("shop", naming.Main)
	rev.Content.Components[0].Template.Spec.Containers = []corev1.Container{{Name: naming.AppContainer}}
	rev.Record = model.Record{Sources: []string{"a"}, ContentHash: "b", ChangeCause: words}
	rev.Record.Provenance = map[string]map[string]model.Provenance{}
	for i := range 5 {
		images := map[string]model.Provenance{}
		for j := range 21 {
			images[fmt.Sprintf("%060d", j)] = model.Provenance{Unresolved: &model.Unresolved{Reason: "NotFound", Message: words}}
		}
		rev.Record.Provenance[fmt.Sprint(i)] = images
	}
	for i := range 10 {
		rollout := entry(int64(i+1), 2, failed)
		if i == 0 {
			rollout = entry(1, 2, succeeded)
		}
		rollout.Message, rollout.Cause, rollout.Trigger = words, words, v1alpha1.TriggerSpecChanged
		rollout.Failure = &model.Failure{Reason: words, Cause: words, Component: words, Pod: words, Container: words, Message: words, At: noon}
		rev.Record.Rollouts = append(rev.Record.Rollouts, rollout)
	}
	return rev
}

func TestRecordFitsIntoAnAnnotation(t *testing.T) {
	for _, text := range []string{"word ", "界", "<", "\x00", "\xff"} {
		t.Run(fmt.Sprintf("R5 of %q", text), func(t *testing.T) {
			rev := longest(text)
			before := longest(text)
			stored, err := revision.Encode(Stack("shop"), rev)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, rev); diff != "" {
				t.Error("encoding changed the revision")
			}
			size := 0
			for key, value := range stored.Annotations {
				size += len(key) + len(value)
			}
			if room := apivalidation.TotalAnnotationSizeLimitB - size; room < 64<<10 {
				t.Errorf("the annotations have %d bytes: the API server has room for %d more, which others need too", size, room)
			}
			back, err := revision.Decode(stored)
			if err != nil {
				t.Fatal(err)
			}
			timeline := revision.Timeline([]model.Revision{back})
			if timeline[0].Sequence != 10 || timeline[0].Failure == nil || timeline[0].Failure.Message == "" {
				t.Errorf("R18 the newest rollout is %d, want 10, with its failure", timeline[0].Sequence)
			}
			if good := revision.LastGood(timeline); good == nil || good.Sequence != 1 {
				t.Errorf("R12 the good rollout is %+v, want the first", good)
			}
			again, err := revision.Encode(Stack("shop"), back)
			if err != nil {
				t.Fatal(err)
			}
			if again.Annotations[naming.AnnotationRecord] != stored.Annotations[naming.AnnotationRecord] {
				t.Error("R19 a record changes when it is decoded and encoded")
			}
		})
	}
}

// TestRecordIsWhole checks that nothing is omitted from an ordinary record.
func TestRecordIsWhole(t *testing.T) {
	rev := longest("word ")
	for i := range rev.Record.Rollouts {
		r := &rev.Record.Rollouts[i]
		*r = entry(r.Sequence, 2, failed)
		r.Trigger, r.Message, r.Cause = v1alpha1.TriggerSpecChanged, strings.Repeat("m", 1024), strings.Repeat("界", 1024)
	}
	last := &rev.Record.Rollouts[len(rev.Record.Rollouts)-1]
	last.Failure = &model.Failure{
		Reason: v1alpha1.FailureCrashLoopBackOff, Component: "main", Pod: strings.Repeat("p", 253), Container: "app",
		Message: strings.Repeat("w", 6<<10), At: noon,
	}
	rev.Record.ChangeCause, rev.Record.Provenance = strings.Repeat("c", 1024), nil
	stored, err := revision.Encode(Stack("shop"), rev)
	if err != nil {
		t.Fatal(err)
	}
	back, err := revision.Decode(stored)
	if err != nil {
		t.Fatal(err)
	}
	for i := range back.Record.Rollouts {
		back.Record.Rollouts[i].StartedAt = rev.Record.Rollouts[i].StartedAt // in another time zone
	}
	if diff := cmp.Diff(rev.Record, back.Record); diff != "" {
		t.Errorf("R5 the record (-encoded +decoded):\n%s", diff)
	}
	if !slices.ContainsFunc(back.Record.Rollouts, model.Rollout.Failed) {
		t.Error("R18 the failure is not recorded")
	}
}
