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
	"github.com/appstack-dev/appstack/internal/naming"
)

// History shows the rollouts of a stack, newest first.
func (v View) History(history []v1alpha1.RolloutStatus) string {
	table := terminal.Table{
		Header: []string{"REVISION", "OUTCOME", "TRIGGER", "AGE", "TOOK", "IMAGES", "CAUSE"}, Loose: []int{6, 5},
	}
	if v.Wide {
		table.Header = append(table.Header, "MESSAGE")
	}
	for _, rollout := range history {
		tone := toneOf(rollout.Outcome)
		row := []string{
			number(rollout.Revision), v.Mark(tone) + " " + v.Paint(tone, string(rollout.Outcome)), string(rollout.Trigger),
			v.age(rollout.StartedAt), v.took(rollout), v.images(rollout.Images), or(oneLine(rollout.Cause)),
		}
		if v.Wide {
			row = append(row, oneLine(rollout.Message))
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

// took is how long a rollout took, or has taken until now. It is not known where the
// clock was set back meanwhile; that two clocks differ by a second is usual.
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

// images are those of a revision: each once, with the components that run
// another one than the main component.
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
	return or(strings.Join(words, ", "))
}

// oneLine is text of someone's with its line breaks and all that commands a terminal taken out.
func oneLine(text string) string {
	return strings.Join(strings.Fields(terminal.Clean(text)), " ")
}
