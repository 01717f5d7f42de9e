// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
	"github.com/appstack-dev/appstack/internal/rollout"
)

// running returns the revision that runs or is being rolled out; nil if there is none or if its
// ControllerRevision is gone.
func running(state model.State, newest *model.Rollout) *model.Revision {
	if newest == nil || lost(state, newest.Revision) {
		return nil
	}
	return revision.Find(state.Revisions, newest.Revision)
}

// lost reports whether the ControllerRevision that the main Deployment refers to is gone while
// the newest revision has another template. Falling back to the remaining revisions would
// replace pods without a request to do so.
func lost(state model.State, newest int64) bool {
	deployment := state.Deployment(naming.Main)
	if deployment == nil || model.OwnershipOf(state.Stack, deployment) != model.Owned {
		return false
	}
	number, err := strconv.ParseInt(deployment.Annotations[naming.AnnotationRevision], 10, 64)
	if err != nil || revision.Find(state.Revisions, number) != nil {
		return false
	}
	main := revision.Find(state.Revisions, newest).Content.Find(naming.Main)
	return main == nil || !equality.Semantic.DeepEqual(main.Template, deployment.Spec.Template)
}

// components returns the components that have to run: those of the target revision and, until
// its rollout has succeeded, those that it drops and that still run (R9).
func components(state model.State, target model.Revision, revisions []model.Revision, now time.Time) []model.Desired {
	var desired []model.Desired
	for _, component := range portedComponents(state, target, revisions) {
		component.serve(state, now)
		desired = append(desired, component.Desired)
	}
	return desired
}

// portedComponents returns the desired components with the revisions that their Services have
// to reach.
func portedComponents(state model.State, target model.Revision, revisions []model.Revision) []ported {
	stack := state.Stack
	operations := render.Operations(stack.Spec)
	operation := func(rev model.Revision, component string) model.Operation {
		if operation, ok := operations[component]; ok {
			return operation
		}
		return rev.Record.Operations[component]
	}
	timeline := revision.Timeline(revisions)
	serving, since := revision.Serving(timeline, target.Number), revision.Since(timeline)
	var desired []ported
	var provenances map[string]model.Provenance
	if len(target.Record.Provenance) > 0 {
		provenances = target.Record.Provenance[revision.SourceHash(stack.Spec)]
	}
	for _, component := range target.Content.Components {
		if said, found := provenances[component.Name]; found {
			component.Provenance.Resolved, component.Provenance.Unresolved = said.Resolved, said.Unresolved
		}
		added := ported{Desired: model.Desired{
			Component: component,
			Operation: operation(target, component.Name),
			Revision:  target.Number,
			Joining:   len(serving) > 0,
		}}
		added.add(component, target.Number, since[target.Number])
		desired = append(desired, added)
	}
	for _, number := range serving {
		earlier := revision.Find(revisions, number)
		for _, component := range earlier.Content.Components {
			name := naming.Object(stack.Name, component.Name)
			at := slices.IndexFunc(desired, func(d ported) bool { return d.Name == component.Name })
			if at >= 0 {
				desired[at].add(component, number, since[number])
				desired[at].Joining = false
				continue
			}
			live := state.Children.Deployment(name)
			if live == nil || model.OwnershipOf(stack, live) == model.Foreign {
				continue // it never ran, or no longer runs
			}
			component.Service = render.Served(component.Service, state.Children.Service(name))
			retiring := ported{Desired: model.Desired{
				Component: component,
				Operation: operation(*earlier, component.Name),
				Revision:  number,
				Retiring:  true,
			}}
			retiring.add(component, number, since[number])
			desired = append(desired, retiring)
		}
	}
	return desired
}

// complete reports whether the Deployment of every component of the target is complete.
func complete(state model.State, desired []model.Desired) bool {
	for _, component := range desired {
		if component.Retiring {
			continue
		}
		deployment := state.Deployment(component.Name)
		if deployment == nil || !rollout.Of(deployment).Complete {
			return false
		}
	}
	return true
}
