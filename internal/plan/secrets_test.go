// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// TestSecretVersions checks which versions of Secrets are recorded with a revision that runs.
func TestSecretVersions(t *testing.T) {
	// the pods use an optional Secret and a required one
	content := model.Content{Components: []model.Component{{
		Name: naming.Main, Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: naming.AppContainer, EnvFrom: []corev1.EnvFromSource{
				{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "opt"}, Optional: ptr.To(true)}},
				{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "req"}}},
			},
		}}}},
	}}}
	type versions = map[string]string
	type secrets = map[string]model.ObservedSecret
	both := versions{"opt": "1", "req": "2"}
	for name, test := range map[string]struct {
		recorded versions
		observed secrets
		want     versions
	}{
		"R36 the first time":                    {nil, secrets{"opt": {Version: "1"}, "req": {Version: "2"}}, both},
		"R36 they do not exist":                 {nil, secrets{"opt": {}, "req": {}}, versions{"opt": ""}},
		"R36 not observed yet":                  {nil, secrets{}, versions{}},
		"R36 not observed yet, but recorded":    {both, secrets{}, both},
		"R36 their labels changed":              {versions{"req": "2"}, secrets{"req": {Version: "3"}}, versions{"req": "3"}},
		"R36 their data changed":                {versions{"req": "2"}, secrets{"req": {Version: "3", Changed: true}}, versions{"req": "2"}},
		"R36 they were deleted":                 {both, secrets{"opt": {}, "req": {}}, both},
		"R36 one that the pods no longer use":   {versions{"req": "2", "old": "1"}, secrets{"req": {Version: "2"}}, versions{"req": "2"}},
		"R36 an optional one appears":           {versions{"opt": ""}, secrets{"opt": {Version: "1", Changed: true}}, versions{"opt": ""}},
		"R36 nothing is observed at the moment": {versions{"req": "2"}, nil, versions{"req": "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			rev := model.Revision{Number: 1, Content: content, Record: model.Record{SecretVersions: test.recorded}}
			records := newRecords([]model.Revision{rev})
			records.secrets(rev, model.State{Secrets: &model.SecretState{Observed: test.observed}})
			got := records.all[0].Record.SecretVersions
			if len(test.want) == 0 && len(got) == 0 {
				return
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("recorded versions (-want +got):\n%s", diff)
			}
		})
	}
}
