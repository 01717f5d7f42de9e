// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"context"
	"errors"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/appstack-dev/appstack/internal/model"
)

// refuseAll makes the server reject all writes.
func (s *server) refuseAll(t *testing.T) {
	t.Helper()
	api, ok := s.Client.(client.WithWatch)
	if !ok {
		t.Fatalf("a %T cannot be intercepted", s.Client)
	}
	refusal := apierrors.NewForbidden(schema.GroupResource{}, "shop", errors.New("policy"))
	s.Client = interceptor.NewClient(api, interceptor.Funcs{
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return refusal },
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return refusal
		},
	})
}

// TestARolloutAndARecordAreRefused checks that a rejected rollout start is remembered as rejected
// even if the update of its revision is rejected too.
func TestARolloutAndARecordAreRefused(t *testing.T) {
	s, stack, state := begun(t)
	rev := state.Revisions[0]
	s.refuseAll(t)
	record := model.UpdateRevision{Revision: rev}
	start := model.StartRollout{ObjectID: rev.ObjectID(), Revision: rev, DryRuns: []model.WriteChild{{
		ObjectID: model.ObjectID{Kind: model.KindDeployment, Name: "shop"}, Form: model.Replaced{Deployment: &appsv1.Deployment{}},
	}}}
	var again []bool
	for range 3 {
		outcome, err := s.Apply(t.Context(), stack, s.memory, model.Plan{Start: &start, Steps: []model.Step{record}}, false)
		if err != nil || outcome.Problem == nil || outcome.Retry <= 0 {
			t.Fatalf("R19 outcome is %+v, error %v; want a problem and the time of the next try", outcome, err)
		}
		again = append(again, outcome.Again)
		if remembered, found := (model.State{Rejected: s.memory.Writes.Rejected()}).Rejection(start); !found {
			t.Errorf("R4 the rejection remembered for the rollout is %+v", remembered)
		}
	}
	if again[1] || again[2] {
		t.Errorf("R4 another reconcile follows at once: %v, want this after the first rejection only", again)
	}
}
