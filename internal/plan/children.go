// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
)

// childrenOf are the objects that the components are to have during the rollout.
func childrenOf(state model.State, components []model.Desired, rollout model.Rollout) []*kinds.Child {
	var all []*kinds.Child
	for i := range components {
		in := kinds.In{State: state, Component: &components[i], Rollout: rollout}
		for _, kind := range kinds.All {
			if child := kind.Wanted(in); child != nil {
				all = append(all, child)
			}
		}
	}
	return all
}

// writes are the steps that make the children what they are to be; none where
// they are. Those of contested children have to wait for their turn.
func writes(
	state model.State, children []*kinds.Child, rollout model.Rollout, now time.Time,
) (steps []model.WriteChild, wait time.Duration) {
	for _, child := range children {
		if child.Deferred(state, rollout) || child.Settled(state) {
			continue
		}
		if child.Live != nil {
			pause := state.LastWrites[child.Live.GetUID()].Wait(child.Write.Hash, child.Serving(), now)
			if pause > 0 {
				wait = model.Sooner(wait, pause)
				continue
			}
		}
		steps = append(steps, explained(state, child, rollout))
	}
	return steps, wait
}

// outstanding says whether content is not as it is to be: a Deployment or a
// Service of a component that stays. How components are operated does not hold
// up their rollout (R1, R6).
func outstanding(state model.State, children []*kinds.Child, rollout model.Rollout) bool {
	return slices.ContainsFunc(children, func(child *kinds.Child) bool {
		if !child.Content || child.Component.Retiring {
			return false
		}
		return conflictOf(state.Stack, child) != nil || !child.Deferred(state, rollout) && !child.Settled(state)
	})
}

// admit notes the images that the cluster's admission has components run in place of
// their revision's: those of Deployments that are settled though they differ.
func admit(state model.State, children []*kinds.Child) {
	for _, child := range children {
		deployment, ok := child.Live.(*appsv1.Deployment)
		if !ok || child.Drift == "" || !child.Settled(state) {
			continue
		}
		live := model.Component{Template: deployment.Spec.Template}
		if image := live.App().Image; image != child.Component.App().Image {
			child.Component.Admitted = image
		}
	}
}
