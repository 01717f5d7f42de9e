// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/compose"
)

// TestPorts checks which ports service b gets from references to it in service a, and the notes on
// them.
func TestPorts(t *testing.T) {
	tests := map[string]struct {
		a, b  string // fields besides the image
		want  []v1alpha1.Port
		notes []string // notes on the ports of b
	}{
		"nothing": {},
		"called, and nothing is named": {
			a: "environment: {B: 'b:9000'}", want: []v1alpha1.Port{{ContainerPort: 9000}},
			notes: []string{"port 9000 is taken from environment.B of a"},
		},
		"called by a port that is not published": {
			a: "environment: {B: 'amqp://b:5672'}", b: "ports: ['15672:15672']",
			want: []v1alpha1.Port{{ContainerPort: 15672}, {ContainerPort: 5672}},
			notes: []string{
				"port 5672 is taken from environment.B of a",
				"published as 15672 on the host: in the cluster it is b:15672; kubectl port-forward svc/b 15672:15672, " +
					"or set service.type: LoadBalancer",
			},
		},
		"called by a port that is not exposed": {
			a: "command: [run, '--at=b:9000']", b: "expose: [9001]", want: []v1alpha1.Port{{ContainerPort: 9001}, {ContainerPort: 9000}},
			notes: []string{"port 9000 is taken from command of a"},
		},
		"called by a port that is exposed": {
			a: "environment: {B: 'b:9000'}", b: "expose: [9000]", want: []v1alpha1.Port{{ContainerPort: 9000}},
		},
		"a scheme, and the image's EXPOSE": {a: "environment: {B: 'amqp://b'}"},
		"a scheme, and a command": {
			a: "environment: {B: 'amqp://b'}", b: "command: [serve]", want: []v1alpha1.Port{{ContainerPort: 5672}},
			notes: []string{"port 5672 is taken from environment.B of a"},
		},
		"a scheme, and a port that is exposed": {
			a: "environment: {B: 'amqp://b'}", b: "expose: [15672]", want: []v1alpha1.Port{{ContainerPort: 15672}, {ContainerPort: 5672}},
			notes: []string{"port 5672 is taken from environment.B of a"},
		},
		"a scheme, before a port that is called": {
			a: "environment: {A: 'amqp://b', B: 'http://b:15672'}", want: []v1alpha1.Port{{ContainerPort: 15672}, {ContainerPort: 5672}},
			notes: []string{"port 15672 is taken from environment.B of a", "port 5672 is taken from environment.A of a"},
		},
		// a TCP probe of a port that nothing listens on would never succeed
		"called by a port that is UDP": {
			a: "environment: {B: 'b:8125'}", b: "expose: [8125/udp]", want: []v1alpha1.Port{{ContainerPort: 8125, Protocol: "UDP"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			text := "services:\n  a: {image: a" + beside(test.a) + "}\n  b: {image: b" + beside(test.b) + "}\n"
			result := fromText(t, text, compose.Options{})
			if diff := cmp.Diff(test.want, stacks(result)["b"].Spec.Ports); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
			var notes []string
			for _, note := range result.Notes {
				if text, ok := strings.CutPrefix(note.String(), "b: ports: "); ok {
					notes = append(notes, text)
				}
			}
			if diff := cmp.Diff(test.notes, notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

// beside formats fields as further fields of a mapping.
func beside(fields string) string {
	if fields == "" {
		return ""
	}
	return ", " + fields
}
