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

// childrenOf returns the children that the components need during the rollout.
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

// writes returns the steps that bring the children to their desired state; none for a child
// that is settled. A contested child is written only after its backoff; wait is the time until
// the next of those is due.
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

// outstanding reports whether content differs from its desired state: a Deployment or a Service
// of a component that stays. Operation (replicas, autoscaling, disruption budgets) does not
// hold up a rollout (R1, R6).
func outstanding(state model.State, children []*kinds.Child, rollout model.Rollout) bool {
	return slices.ContainsFunc(children, func(child *kinds.Child) bool {
		if !child.Content || child.Component.Retiring {
			return false
		}
		return conflictOf(state.Stack, child) != nil || !child.Deferred(state, rollout) && !child.Settled(state)
	})
}

// admit records, in each component, the image with which admission control has replaced the
// requested one. The component's Deployment is then settled although it has drift.
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
