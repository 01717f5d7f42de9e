// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package measure

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/test/bench/cluster"
)

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func after(milliseconds int) time.Time {
	return began.Add(time.Duration(milliseconds) * time.Millisecond)
}

// asked returns a request that is received and answered at these milliseconds.
func asked(from, to int, verb, resource, name string) cluster.Request {
	return cluster.Request{
		Verb: verb, ObjectRef: cluster.Object{Resource: resource, Name: name},
		RequestReceivedTimestamp: metav1.NewMicroTime(after(from)), StageTimestamp: metav1.NewMicroTime(after(to)),
	}
}

func TestAnswers(t *testing.T) {
	trial := asked(15, 21, "patch", "deployments", "a-1")
	trial.RequestURI = "/apis/apps/v1/namespaces/bench/deployments/a-1?dryRun=All"
	refused := asked(30, 31, "patch", "deployments", "a-1")
	refused.ResponseStatus.Code = 409
	all := answersFor([]string{"a-1", "b-1"}, []cluster.Request{
		asked(-9, -2, "patch", "deployments", "a-1"), // before the change
		asked(32, 38, "patch", "deployments", "a-1"), // the answer
		trial,
		asked(15, 17, "get", "appstacks", "a-1"),
		asked(22, 26, "create", "controllerrevisions", "a-1-7"),
		asked(10, 29, "create", "events", "a-1.18"),
		asked(2, 39, "watch", "pods", "a-1"),
		refused,
		asked(3, 9, "patch", "deployments", "b-1"),
		asked(50, 60, "patch", "deployments", "a-1"), // a later one
	})
	change := asked(0, 12, "patch", "appstacks", "a-1")

	took, own, found := all.to(change, "a-1")
	if !found || took != 38*time.Millisecond {
		t.Errorf("the Deployment was written after %s (%t), want 38ms", took, found)
	}
	// 3 between the change and the dry run, then 1, 4 and 1
	if own != 9*time.Millisecond {
		t.Errorf("the API server was idle for %s, want 9ms", own)
	}
	if took, _, _ := all.to(change, "b-1"); took != 9*time.Millisecond {
		t.Errorf("another stack's: %s, want 9ms", took)
	}
	if _, _, found := all.to(asked(60, 61, "patch", "appstacks", "a-1"), "a-1"); found {
		t.Error("a change without an answer has one")
	}
}

func TestWithout(t *testing.T) {
	whole := span{after(0), after(100)}
	tests := map[string]struct {
		others []span
		want   int
	}{
		"nothing":        {nil, 100},
		"overlaps":       {[]span{{after(20), after(40)}, {after(10), after(30)}}, 70},
		"one in another": {[]span{{after(10), after(50)}, {after(20), after(30)}}, 60},
		"over both ends": {[]span{{after(-10), after(5)}, {after(90), after(120)}}, 85},
		"after the end":  {[]span{{after(110), after(120)}}, 100},
		"all of it":      {[]span{{after(-10), after(110)}}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := whole.without(test.others); got != time.Duration(test.want)*time.Millisecond {
				t.Errorf("%s, want %d ms", got, test.want)
			}
		})
	}
}
