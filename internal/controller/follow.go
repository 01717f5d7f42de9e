// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package controller

import (
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
)

// follow watches the stack's pods while a rollout is open, and stops watching when it ends or
// is paused: a paused rollout is not judged (R16a). It returns the rollout; nil if no pods are
// watched.
func (r *Reconciler) follow(state model.State, mem *memory.Stack) *model.Rollout {
	stack := client.ObjectKeyFromObject(state.Stack)
	open := judged(state)
	if open == nil {
		r.Pods.Stop(stack)
		mem.Observations.Forget()
		return nil
	}
	r.Pods.Begin(stack)
	r.Pods.Relax(stack, open.Failed())
	return open
}

// judged returns the rollout that is open and not paused; nil if there is none.
func judged(state model.State) *model.Rollout {
	timeline := revision.Timeline(state.Revisions)
	if len(timeline) == 0 || !timeline[0].Open() || state.Stack.Spec.Paused {
		return nil
	}
	return &timeline[0]
}

// forgetDeleted compares the write log with the observed children: it drops the writes of children that no
// longer exist.
func (r *Reconciler) forgetDeleted(state model.State, mem *memory.Stack) {
	there := map[types.UID]bool{}
	for _, object := range kinds.Each(state.Children) {
		there[object.GetUID()] = true
	}
	mem.Writes.Keep(there, r.Clock.Now())
}
