// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
)

// recent is how old an answer may be at the time of a release, so that stacks that are created
// together share answers. A restart asks for what the tag points to now, so it accepts no
// earlier answer.
const recent = 10 * time.Second

// longAgo caps an extension of recent: an answer for a stack's first revision may be older by
// the age of the stack. A stack that still has no revision after that time was paused, or had an
// error to fix.
const longAgo = time.Minute

// questions returns what has to be resolved before the chosen new revision can be made (R21);
// none if the answers are known or pending.
func (p Planner) questions(state model.State, choice revision.Choice, now time.Time) model.Questions {
	spec := state.Stack.Spec
	questions := model.Questions{Release: revision.SourceHash(spec), Since: now.Add(-recent)}
	if created := state.Stack.CreationTimestamp; len(state.Revisions) == 0 && created.Before(&metav1.Time{Time: now}) {
		questions.Since = later(created.Time, now.Add(-longAgo)).Add(-recent)
	}
	if choice.Restart != nil {
		questions.Release += choice.Restart.UTC().Format(time.RFC3339)
		questions.Since = time.Time{}
	}
	if questions.Release == state.Answers.Release {
		return model.Questions{}
	}
	draft, err := render.Draft(render.Input{Stack: state.Stack, Defaults: p.Defaults})
	if err != nil {
		return model.Questions{} // rendering the content reports the error
	}
	questions.Images = render.Requests(spec, draft)
	if state.Config != nil {
		questions.Config = sourcesOf(state.Config, draft)
	}
	return questions
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// lastFacts returns, by component, the latest recorded facts about its image: those of the last
// good revision, or, if it has none, of the newest revision that has some.
func lastFacts(revisions []model.Revision) map[string]*model.Facts {
	if good := revision.LastGood(revision.Timeline(revisions)); good != nil {
		revisions = append(slices.Clone(revisions), *revision.Find(revisions, good.Revision))
	}
	facts := map[string]*model.Facts{}
	for _, rev := range revisions { // the last one wins
		for _, component := range rev.Content.Components {
			if known := component.Provenance.Facts; known != nil {
				facts[component.Name] = known
			}
		}
	}
	return facts
}
