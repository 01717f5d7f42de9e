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

// recent is how long before a release an image may have been looked up for
// another stack: stacks that are created together share the answers. A restart
// is made to get what the tag points to now, and takes none from before.
const recent = 10 * time.Second

// longAgo is from when on it does not matter that a stack was created before: it
// was paused, or had something to mend.
const longAgo = time.Minute

// questions are what has to be known before the revision of that choice can be made,
// which there is none of yet (R21); none where all of it is answered, or waited for.
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
		return model.Questions{} // rendering the content says what is wrong
	}
	questions.Images = render.Requests(spec, draft)
	return questions
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// lastFacts are what the components' images said, by component: in the last good
// revision, else in the newest that knows.
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
