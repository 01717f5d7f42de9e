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

// Lookup says what has to be known of images before Make can plan: nothing,
// unless the spec asks for a revision that there is none of yet (R21).
func (p Planner) Lookup(state model.State, now time.Time) model.Lookup {
	spec := state.Stack.Spec
	if state.Predecessor != "" || state.Damaged != nil || spec.Paused {
		return model.Lookup{}
	}
	choice := revision.Choose(spec, state.Revisions)
	if choice.Problem != nil || choice.Number != 0 {
		return model.Lookup{}
	}
	content, err := render.Draft(render.Input{Stack: state.Stack, Defaults: p.Defaults})
	if err != nil {
		return model.Lookup{} // the plan says what is wrong
	}
	lookup := model.Lookup{
		Release: revision.SourceHash(spec),
		Since:   now.Add(-recent),
		Images:  render.Requests(spec, content),
	}
	if created := state.Stack.CreationTimestamp; len(state.Revisions) == 0 && created.Before(&metav1.Time{Time: now}) {
		lookup.Since = later(created.Time, now.Add(-longAgo)).Add(-recent)
	}
	if choice.Restart != nil {
		lookup.Release += choice.Restart.UTC().Format(time.RFC3339)
		lookup.Since = time.Time{}
	}
	return lookup
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
