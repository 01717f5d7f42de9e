// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// TestTyped fails if an older plugin would lose fields that a newer operator set.
func TestTyped(t *testing.T) {
	tests := map[string]struct {
		spec string
		lost string
	}{
		"all is known": {`
image: my-app:1
replicas: 0
ports: []
paused: false
rollout: {maxSurge: 1, maxUnavailable: 10%}
resources: {limits: {cpu: 1000m, memory: 0.5Gi}}
restartedAt: "2026-01-01T00:00:00Z"
podTemplate: {spec: {anything: [goes, {here: true}]}}
components:
- {name: worker, env: [{name: EMPTY, value: ""}]}`, ""},
		"a field of the stack":      {"image: my-app:1\nschedule: daily", "spec.schedule"},
		"a field of a component":    {"image: my-app:1\ncomponents:\n- name: a\n- {name: worker, zone: {name: west}}", "spec.components[1].zone"},
		"one that is new and empty": {"image: my-app:1\nschedule: \"\"", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			raw := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "my-app"}}}
			var spec map[string]any
			if err := yaml.Unmarshal([]byte(test.spec), &spec); err != nil {
				t.Fatal(err)
			}
			raw.Object["spec"] = spec
			_, err := typed(raw)
			switch {
			case test.lost == "" && err != nil:
				t.Errorf("rejected: %v", err)
			case test.lost != "" && (err == nil || !strings.Contains(err.Error(), test.lost)):
				t.Errorf("%s is lost, and the error is %v", test.lost, err)
			}
		})
	}
}

func TestStackName(t *testing.T) {
	for arg, want := range map[string]string{
		"my-app": "my-app", "appstack/my-app": "my-app", "aps/my-app": "my-app", "appstack.apps.appstack.dev/my-app": "my-app",
		"deployment/my-app": "deployment/my-app",
	} {
		if got := stackName(arg); got != want {
			t.Errorf("%s names the stack %q, want %q", arg, got, want)
		}
	}
}
