// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package controller

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
)

// follow has the stack's pods watched while a rollout is open, from when it begins
// until it ends. Paused, nothing is judged by them (R16a). It is that rollout; nil
// where none is followed.
func (r *Reconciler) follow(state model.State, mem *memory.Stack) *model.Rollout {
	stack := client.ObjectKeyFromObject(state.Stack)
	timeline := revision.Timeline(state.Revisions)
	if len(timeline) == 0 || !timeline[0].Open() || state.Stack.Spec.Paused {
		r.Pods.Stop(stack)
		mem.Sight.Forget()
		return nil
	}
	r.Pods.Begin(stack)
	r.Pods.Relax(stack, timeline[0].Failed())
	return &timeline[0]
}

// see remembers which children there are.
func (r *Reconciler) see(state model.State, mem *memory.Stack) {
	there := map[types.UID]bool{}
	for _, object := range kinds.Each(state.Children) {
		there[object.GetUID()] = true
	}
	mem.Writes.Keep(there, r.Clock.Now())
}
