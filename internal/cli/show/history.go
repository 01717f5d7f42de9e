// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/terminal"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/revision"
)

// History returns a table of a stack's rollouts, newest first. The revisions are needed for a wide
// table only.
func (v View) History(history []v1alpha1.RolloutStatus, revisions []model.Revision) string {
	table := terminal.Table{
		Header: []string{"REVISION", "OUTCOME", "TRIGGER", "AGE", "TOOK", "IMAGES", "CAUSE"}, Loose: []int{6, 5},
	}
	if v.Wide {
		table.Header = append(table.Header, "CONFIG", "MESSAGE")
	}
	for _, rollout := range history {
		tone := toneOf(rollout.Outcome)
		row := []string{
			number(rollout.Revision), v.Mark(tone) + " " + v.Paint(tone, string(rollout.Outcome)), string(rollout.Trigger),
			v.age(rollout.StartedAt), v.took(rollout), v.images(rollout.Images), orNone(oneLine(rollout.Cause)),
		}
		if v.Wide {
			row = append(row, orNone(config(revision.Find(revisions, rollout.Revision))), oneLine(rollout.Message))
		}
		table.Rows = append(table.Rows, row)
	}
	return v.Table(table)
}

func toneOf(outcome v1alpha1.RolloutOutcome) terminal.Tone {
	switch outcome {
	case v1alpha1.OutcomeSucceeded:
		return terminal.Good
	case v1alpha1.OutcomeFailed:
		return terminal.Bad
	case v1alpha1.OutcomeProgressing:
		return terminal.Busy
	case v1alpha1.OutcomeSuperseded:
	}
	return terminal.Faint
}

// took returns how long a rollout took, or has taken so far with "+". It returns none if the end is
// more than a second before the start, as after a clock was set back. Two clocks commonly differ by
// up to a second.
func (v View) took(rollout v1alpha1.RolloutStatus) string {
	end, goesOn := v.Now, "+"
	if rollout.EndedAt != nil {
		end, goesOn = rollout.EndedAt.Time, ""
	}
	took := end.Sub(rollout.StartedAt.Time)
	if took < -time.Second {
		return none
	}
	return duration.HumanDuration(took) + goesOn
}

// images returns the images of a revision, each once. An image of another component than the main
// one has the component's name in front of it.
func (v View) images(images []v1alpha1.ImageStatus) string {
	var words, seen []string
	for _, image := range images {
		if slices.Contains(seen, image.Image) {
			continue
		}
		seen = append(seen, image.Image)
		word := v.image(image.Image)
		if image.Component != naming.Main {
			word = image.Component + "=" + word
		}
		words = append(words, word)
	}
	return orNone(strings.Join(words, ", "))
}

// oneLine returns the text as one line, without terminal control sequences.
func oneLine(text string) string {
	return strings.Join(strings.Fields(terminal.Clean(text)), " ")
}
