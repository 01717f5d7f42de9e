// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
)

func TestSort(t *testing.T) {
	resource := schema.GroupResource{Group: "apps", Resource: "deployments"}
	tests := map[string]struct {
		err  error
		want string
	}{
		"a conflict is planned again":            {apierrors.NewConflict(resource, "shop", errors.New("changed")), "again"},
		"so is what is there already":            {apierrors.NewAlreadyExists(resource, "shop"), "again"},
		"so is what is gone":                     {apierrors.NewNotFound(resource, "shop"), "again"},
		"so is another object":                   {errReplaced, "again"},
		"R30 an invalid object is the user's":    {apierrors.NewInvalid(schema.GroupKind{Kind: "Deployment"}, "shop", nil), "problem"},
		"R30 a forbidden one too":                {apierrors.NewForbidden(resource, "shop", errors.New("quota")), "problem"},
		"R30 a bad request too":                  {apierrors.NewBadRequest("no"), "problem"},
		"R30 one that is too large for etcd too": {apierrors.NewInternalError(errors.New("etcdserver: request is too large")), "problem"},
		"R30 or for etcd's client": {apierrors.NewInternalError(errors.New("rpc error: code = ResourceExhausted desc = " +
			"trying to send message larger than max (2200000 vs. 2097152)")), "problem"},
		"R30 or for the API server": {apierrors.NewRequestEntityTooLargeError("limit is 3145728"), "problem"},
		"an etcd that is full is tried again": {
			apierrors.NewInternalError(errors.New("etcdserver: mvcc: database space exceeded")), "error",
		},
		"too many requests are tried again": {apierrors.NewTooManyRequests("wait", 1), "error"},
		"so is a server that fails":         {apierrors.NewInternalError(errors.New("oops")), "error"},
		"so are expired credentials":        {apierrors.NewUnauthorized("who?"), "error"},
		"so is a network that fails":        {errors.New("connection refused"), "error"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := &execution{Applier: &Applier{Clock: clock.RealClock{}}, stack: &v1alpha1.AppStack{}, memory: &memory.Stack{}}
			err := e.sort(model.WriteChild{}, fmt.Errorf("updating Deployment shop: %w", test.err))
			got := "error"
			switch {
			case err == nil && e.outcome.Again:
				got = "again"
			case err == nil && e.outcome.Problem != nil:
				got = "problem"
				if e.outcome.Problem.Reason != v1alpha1.ReasonRejected ||
					!strings.Contains(e.outcome.Problem.Message, test.err.Error()) {
					t.Errorf("the problem is %+v, want Rejected with the API server's message", e.outcome.Problem)
				}
			}
			if got != test.want {
				t.Errorf("classified as %s, want %s", got, test.want)
			}
		})
	}
}

// TestTooLargeSaysWhatToDo checks that the message starts with the name of the object that is too
// large.
func TestTooLargeSaysWhatToDo(t *testing.T) {
	seventh := model.Revision{Number: 7, Record: model.Record{Rollouts: []model.Rollout{{Trigger: v1alpha1.TriggerSpecChanged}}}}
	tests := map[string]struct {
		step model.Step
		want string
	}{
		"R30 a revision that is made": {
			model.StartRollout{ObjectID: model.ObjectID{Kind: model.KindRevision, Name: "shop-7"}, Revision: seventh},
			"revision 7 is too large to be stored: make the spec smaller",
		},
		"R30 a child": {
			model.WriteChild{ObjectID: model.ObjectID{Kind: model.KindDeployment, Name: "shop"}},
			"Deployment shop is too large to be stored: make the spec smaller",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := &execution{Applier: &Applier{Clock: clock.RealClock{}}, stack: &v1alpha1.AppStack{}, memory: &memory.Stack{}}
			err := e.sort(test.step, apierrors.NewInternalError(errors.New("etcdserver: request is too large")))
			if err != nil || e.outcome.Problem == nil || !strings.HasPrefix(e.outcome.Problem.Message, test.want) {
				t.Fatalf("classified as %+v (%v), want a problem that begins with %q", e.outcome.Problem, err, test.want)
			}
			if refusal := e.memory.Writes.Rejected()[test.step.Target()]; refusal.Message != e.outcome.Problem.Message || refusal.Passing {
				t.Errorf("the next plan sees rejection %+v, want the same message, as terminal", refusal)
			}
		})
	}
}
