// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/schema"
)

// description is the content of a file.
type description struct {
	stack *v1alpha1.AppStack
	// events happen in this order before the stack is applied.
	events []event
	// manifest and world name the documents that contain stack and events.
	manifest, world string
}

// event is an event in the simulated world.
type event struct {
	// field is the path of the event in the document.
	field string
	happen
}

// read reads the documents of a file: an AppStack and optionally a World.
func read(ctx context.Context, file string) (*description, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err // it names the file
	}
	described := &description{}
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(raw)))
	for number := 1; ; number++ {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		name := fmt.Sprintf("%s: document %d", file, number)
		if err == nil {
			err = described.add(ctx, name, text)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if described.stack == nil {
		return nil, fmt.Errorf("%s: no document is of the kind AppStack", file)
	}
	return described, nil
}

// add reads a document; it ignores an empty one.
func (d *description) add(ctx context.Context, name string, text []byte) error {
	raw, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return err
	}
	if string(raw) == "null" {
		return nil
	}
	var head struct {
		Kind string `json:"kind"`
	}
	if json.Unmarshal(raw, &head) != nil {
		return errors.New("not an object with a kind")
	}
	switch {
	case head.Kind == "AppStack" && d.stack == nil:
		d.manifest = name
		d.stack, err = readStack(ctx, raw)
	case head.Kind == "World" && d.world == "":
		d.world = name
		d.events, err = readEvents(raw)
	case head.Kind == "AppStack", head.Kind == "World":
		err = fmt.Errorf("kind: only one %s allowed", head.Kind)
	default:
		err = fmt.Errorf("kind: %q is neither AppStack nor World", head.Kind)
	}
	return err
}

// readStack reads a manifest as the API server does. It needs no defaulting, because all defaults of the
// schema are zero values of Go.
func readStack(ctx context.Context, raw []byte) (*v1alpha1.AppStack, error) {
	stack := &v1alpha1.AppStack{}
	if err := decode(raw, stack); err != nil {
		return nil, err
	}
	if want := v1alpha1.GroupVersion.String(); stack.APIVersion != want {
		return nil, fmt.Errorf("apiVersion: %q is not %s", stack.APIVersion, want)
	}
	if stack.Name == "" {
		return nil, errors.New("metadata.name: it is missing")
	}
	stack.Namespace = cmp.Or(stack.Namespace, fixture.Namespace)
	stack.Status = v1alpha1.AppStackStatus{}
	crd, err := schema.Get()
	if err != nil {
		return nil, err
	}
	return stack, crd.Validate(ctx, stack).ToAggregate()
}

// readEvents reads the events of a World. Each is a map with one of the verbs as its only key.
func readEvents(raw []byte) ([]event, error) {
	var world struct {
		Kind   string                       `json:"kind"`
		Events []map[string]json.RawMessage `json:"events"`
	}
	if err := decode(raw, &world); err != nil {
		return nil, err
	}
	var events []event
	for i, entry := range world.Events {
		field := fmt.Sprintf("events[%d]", i)
		if len(entry) != 1 {
			return nil, fmt.Errorf("%s: it has %d keys: give one", field, len(entry))
		}
		for name, value := range entry {
			verb, ok := verbs[name]
			if !ok {
				return nil, fmt.Errorf("%s.%s: unknown: use one of %s", field, name,
					strings.Join(slices.Sorted(maps.Keys(verbs)), ", "))
			}
			does, err := verb(value)
			if err != nil {
				return nil, fmt.Errorf("%s.%s: %w", field, name, err)
			}
			events = append(events, event{field: field + "." + name, happen: does})
		}
	}
	return events, nil
}

// decode reads JSON; unknown fields are errors.
func decode(raw []byte, into any) error {
	unknown, err := kjson.UnmarshalStrict(raw, into)
	return utilerrors.NewAggregate(append(unknown, err))
}
