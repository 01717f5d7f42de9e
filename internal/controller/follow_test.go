// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package controller

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/podwatch"
	"github.com/appstack-dev/appstack/internal/queue"
)

// TestPodsAreFollowed checks that pods are watched from the start of a rollout to its end.
func TestPodsAreFollowed(t *testing.T) {
	d := newDesk(t)
	api := httptest.NewServer(http.NotFoundHandler()) // no pods are visible
	t.Cleanup(api.Close)
	core, err := corev1client.NewForConfig(&rest.Config{Host: api.URL})
	if err != nil {
		t.Fatal(err)
	}
	d.Pods = &podwatch.Watcher{Pods: core.RESTClient(), Clock: d.clock}
	d.Pods.Start(t.Context(), func(types.NamespacedName, queue.Priority) {})
	state := model.State{Stack: d.stack(t)}
	mem := d.Memory.Of(state.Stack)
	follows := func(what string, want int) {
		t.Helper()
		if got := d.Pods.Len(); got != want {
			t.Errorf("R17 %s: the pods of %d stacks are watched, want %d", what, got, want)
		}
	}
	rollout := func(outcome v1alpha1.RolloutOutcome) []model.Revision {
		return []model.Revision{{Number: 1, Record: model.Record{Rollouts: []model.Rollout{{Sequence: 1, Outcome: outcome}}}}}
	}

	state.Revisions = rollout(v1alpha1.OutcomeSucceeded)
	d.follow(state, mem)
	follows("a rollout that has ended", 0)

	state.Revisions = rollout(v1alpha1.OutcomeProgressing)
	d.follow(state, mem)
	follows("one that has begun", 1)

	state.Stack.Spec.Paused = true
	d.follow(state, mem)
	follows("R16a paused", 0)
}
