// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
)

func TestRevisionsSurviveStorage(t *testing.T) {
	stack := Stack("shop")
	stack.UID = "uid-of-shop"
	end := noon.Add(time.Minute)
	rev := model.Revision{
		Number: 3, Name: "shop-3", UID: "u", ResourceVersion: "7",
		Content: model.Content{Components: []model.Component{{
			Name:     naming.Main,
			Selector: map[string]string{"a": "b"},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "my-app:1"}}},
			},
			Service: &model.Service{Type: corev1.ServiceTypeClusterIP, Ports: []corev1.ServicePort{{Name: "port-0", Port: 80}}},
		}}},
		Record: model.Record{
			Sources: []string{"s1", "s2"}, ContentHash: "c", RestartedAt: &noon, ChangeCause: "why",
			Operations: map[string]model.Operation{"worker": {Replicas: ptr.To[int32](2)}},
			Rollouts:   []model.Rollout{{Sequence: 4, Revision: 3, Outcome: succeeded, StartedAt: noon, EndedAt: &end, Empty: true}},
		},
	}
	stored, err := revision.Encode(stack, rev)
	if err != nil {
		t.Fatal(err)
	}
	if owner := metav1.GetControllerOf(stored); owner == nil || owner.UID != stack.UID || stored.Name != "shop-3" {
		t.Errorf("R1 stored as %s owned by %v, want shop-3 owned by the stack", stored.Name, owner)
	}
	read, err := revision.Decode(stored)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rev, read); diff != "" {
		t.Errorf("R5 read back (-want +got):\n%s", diff)
	}
}

// TestStoredFormIsStable fails if revisions stored in clusters could no longer be read, or would be
// written differently.
func TestStoredFormIsStable(t *testing.T) {
	const (
		// with sorted keys: the API server requires the data to stay identical to the byte, and the
		// garbage collector's patch (R27) sorts them
		data = `{"components":[{"name":"main","selector":{"a":"b"},` +
			`"template":{"metadata":{},"spec":{"containers":null,"nodeName":"y","serviceAccountName":"x"}}}]}`
		record = `{"sources":["s"],"contentHash":"c","rollouts":[{"sequence":1,"trigger":"Restart",` +
			`"outcome":"Progressing","startedAt":"2026-01-01T12:00:00Z"}]}`
	)
	stored, err := revision.Encode(Stack("shop"), model.Revision{
		Number: 1,
		Content: model.Content{Components: []model.Component{{
			Name:     "main",
			Selector: map[string]string{"a": "b"},
			Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{ServiceAccountName: "x", NodeName: "y"}},
		}}},
		Record: model.Record{
			Sources: []string{"s"}, ContentHash: "c",
			Rollouts: []model.Rollout{{Sequence: 1, Trigger: "Restart", Outcome: progressing, StartedAt: noon}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(data, string(stored.Data.Raw)); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(record, stored.Annotations[naming.AnnotationRecord]); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

// TestDecodeRefusesWhatNoOperatorMade checks that a manually created record is not used if it would
// remove running components or break the status.
func TestDecodeRefusesWhatNoOperatorMade(t *testing.T) {
	main := model.Component{
		Name: naming.Main, Selector: map[string]string{"a": "b"},
		Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: naming.AppContainer}}}},
	}
	worker, headless := main, main
	worker.Name, headless.Template = "worker", corev1.PodTemplateSpec{}
	tests := map[string]struct {
		number     int64
		components []model.Component
		rollout    model.Rollout
		want       bool
	}{
		"a true one":                 {1, []model.Component{main, worker}, model.Rollout{Trigger: "Restart", Outcome: progressing}, true},
		"a number that none has":     {0, []model.Component{main}, model.Rollout{Outcome: progressing}, false},
		"no component":               {1, nil, model.Rollout{Outcome: progressing}, false},
		"no main component":          {1, []model.Component{worker}, model.Rollout{Outcome: progressing}, false},
		"a component twice":          {1, []model.Component{main, worker, worker}, model.Rollout{Outcome: progressing}, false},
		"a component without an app": {1, []model.Component{headless}, model.Rollout{Outcome: progressing}, false},
		"a newer operator's trigger": {1, []model.Component{main}, model.Rollout{Trigger: "x", Outcome: progressing}, true},
		"an unknown outcome":         {1, []model.Component{main}, model.Rollout{Outcome: "x"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stored, err := revision.Encode(Stack("shop"), model.Revision{
				Number: test.number, Content: model.Content{Components: test.components},
				Record: model.Record{Rollouts: []model.Rollout{test.rollout}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := revision.Decode(stored); (err == nil) != test.want {
				t.Errorf("decoding it: %v", err)
			}
		})
	}
}

func TestDecodeSaysWhatIsBroken(t *testing.T) {
	stored, err := revision.Encode(Stack("shop"), model.Revision{Number: 1})
	if err != nil {
		t.Fatal(err)
	}
	stored.Annotations[naming.AnnotationRecord] = "{"
	if _, err := revision.Decode(stored); err == nil {
		t.Error("a broken record is decoded without an error")
	}
	stored.Data.Raw = []byte("{")
	if _, err := revision.Decode(stored); err == nil {
		t.Error("broken data is decoded without an error")
	}
}
