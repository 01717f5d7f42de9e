// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/appstack-dev/appstack/test/golden"
)

func TestPlans(t *testing.T) {
	for name, passes := range map[string]int{
		"first-release": 40,
		"image-change":  1,
		"crash":         40,
		"config":        4,
		"secret":        4,
		"drift":         40,
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name)
			var out bytes.Buffer
			if err := run(t.Context(), &out, file+".yaml", passes); err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, file+".txt", out.String())
		})
	}
}

const (
	stack = `
apiVersion: apps.appstack.dev/v1alpha1
kind: AppStack
metadata: {name: shop}
spec: {image: my-app:1}
`
	world = "\n---\nkind: World\nevents:\n"
)

// TestEvents checks the next plan after events that the golden files do not cover.
func TestEvents(t *testing.T) {
	for name, test := range map[string]struct{ events, want string }{
		"wait":  {"- apply: {}\n- wait: 1s", "rs1 (my-app:1) 0 of 1 ready"},
		"break": {"- break: {image: my-app:1, word: missing}\n- apply: {}\n- wait: 3s", "ImagePullBackOff"},
		"mend": {
			"- break: {image: my-app:1, word: missing}\n- apply: {}\n- wait: 3s\n- mend: my-app:1\n- wait: 3s", "1 of 1 ready",
		},
		"kill":            {"- apply: {}\n- settle: 1m\n- kill: shop", "shop: no pods"},
		"quota":           {"- quota: 0\n- apply: {}\n- wait: 3s", "no more pods are allowed"},
		"room":            {"- room: 0\n- apply: {}\n- wait: 3s", "no node"},
		"registry hangs":  {"- registry: hangs\n- apply: {}\n- wait: 3s", "looks up    my-app:1"},
		"registry fails":  {"- registry: fails\n- apply: {}\n- wait: 3s", "looks up    my-app:1"},
		"registry denies": {"- registry: denies\n- apply: {}\n- wait: 3s", "revision 1 (SpecChanged): Progressing"},
		"registry answers": {
			"- push: {image: my-app:1, digest: sha256:1}\n- registry: hangs\n- apply: {}\n- wait: 3s\n- registry: answers\n- wait: 3s",
			"my-app:1@sha256:1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := run(t.Context(), &out, written(t, stack+world+test.events), 1); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), test.want) {
				t.Errorf("the output does not contain %q:\n%s", test.want, &out)
			}
		})
	}
}

// written returns a file with the text.
func written(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "story.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestWrongInput shows that errors name the file, the document and the field.
func TestWrongInput(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"nothing":      {"", "no document is of the kind AppStack"},
		"no YAML":      {"a: [", "document 1: yaml: line 1: did not find expected node content"},
		"no object":    {"[]", "document 1: not an object with a kind"},
		"another kind": {"kind: Pod", `document 1: kind: "Pod" is neither AppStack nor World`},
		"two stacks":   {stack + "---" + stack, "document 2: kind: only one AppStack allowed"},
		"another version": {
			strings.Replace(stack, "v1alpha1", "v1", 1),
			`document 1: apiVersion: "apps.appstack.dev/v1" is not apps.appstack.dev/v1alpha1`,
		},
		"no name": {strings.Replace(stack, "name: shop", "", 1), "document 1: metadata.name: it is missing"},
		"a field that there is not": {
			strings.Replace(stack, "image", "imgae", 1), `document 1: unknown field "spec.imgae"`,
		},
		"a field twice": {
			strings.Replace(stack, "my-app:1", "my-app:1, image: my-app:2", 1),
			"document 1: yaml: unmarshal errors:\n  line 5: key \"image\" already set in map",
		},
		"a value of another type": {
			strings.Replace(stack, "my-app:1", "my-app:1, replicas: many", 1),
			"document 1: json: cannot unmarshal string into Go struct field AppStackSpec.spec.ComponentSpec.replicas of type int32",
		},
		"what the schema refuses": {
			strings.Replace(stack, "my-app:1", "my-app:1, replicas: -1", 1),
			"document 1: spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0",
		},
		"an unknown event": {
			stack + world + "- explode: shop",
			"document 2: events[0].explode: unknown: use one of " +
				"apply, break, change, config, delete, kill, mend, push, quota, registry, room, secret, settle, wait",
		},
		"two events in one": {stack + world + "- {quota: 1, room: 1}", "document 2: events[0]: it has 2 keys: give one"},
		"no number": {
			stack + world + "- quota: some", "document 2: events[0].quota: json: cannot unmarshal string into Go value of type int",
		},
		"no duration": {
			stack + world + "- apply: {}\n- wait: long", `document 2: events[1].wait: time: invalid duration "long"`,
		},
		"parts of a second": {
			stack + world + "- apply: {}\n- wait: 100ms", "document 2: events[1].wait: 100ms: give whole seconds, from 1s to 1h0m0s",
		},
		"a wait for nothing": {
			stack + world + "- wait: 30s", "document 2: events[0].wait: there is no stack yet: apply one before",
		},
		"an unknown field of an earlier spec": {
			stack + world + "- apply: {imgae: my-app:1}", `document 2: events[0].apply: unknown field "imgae"`,
		},
		"an earlier spec that the schema refuses": {
			stack + world + "- apply: {replicas: -1}",
			"document 2: events[0].apply: spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0",
		},
		"an unknown word": {
			stack + world + "- break: {image: my-app:1, word: rot}",
			`document 2: events[0].break: word: "rot" is none: use one of ` +
				"crash, dies, invalid, late, lingers, missing, slow, unconfigured, unready",
		},
		"no pod to kill": {
			stack + world + "- apply: {}\n- kill: shop", `document 2: events[1].kill: there is no ready pod of a Deployment "shop"`,
		},
		"nothing to delete": {
			stack + world + "- apply: {}\n- delete: {kind: Service, name: shop}",
			`document 2: events[1].delete: there is no Service "shop"`,
		},
		"nothing to change": {
			stack + world + "- apply: {}\n- change: {deployment: shop, manager: x, patch: {}}",
			`document 2: events[1].change: deployment: there is no "shop"`,
		},
		"no patch of a Deployment": {
			stack + world + "- apply: {}\n- settle: 1m\n- change: {deployment: shop, manager: x, patch: {spec: {replica: 1}}}",
			`document 2: events[2].change: patch: unknown field "spec.replica"`,
		},
		"a patch that leaves no Deployment": {
			stack + world + "- apply: {}\n- settle: 1m\n- change: {deployment: shop, patch: {spec: {progressDeadlineSeconds: null}}}",
			"document 2: events[2].change: patch: the API server leaves no Deployment without containers or progressDeadlineSeconds",
		},
		"no rest": {
			stack + world + "- apply: {image: my-app:unready}\n- settle: 10s",
			"document 2: events[1].settle: the world has not come to rest in 10s: give it more time, or wait instead",
		},
		"a ConfigMap without a name": {
			stack + world + "- config: {behavior: crash}", "document 2: events[0].config: name: it is missing",
		},
		"no state of a registry": {
			stack + world + "- registry: sleeps",
			`document 2: events[0].registry: "sleeps" is none: use answers, hangs, fails or denies`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := written(t, test.text)
			err := run(t.Context(), &bytes.Buffer{}, file, 1)
			if err == nil {
				t.Fatal("the input is accepted")
			}
			if diff := cmp.Diff(test.want, strings.TrimPrefix(err.Error(), file+": ")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
