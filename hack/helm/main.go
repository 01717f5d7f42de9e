// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Command helm checks the output of hack/chart for the Helm chart: that it equals
// config/, that the API's types have each field, and that the schema of the values
// is strict.
//
// It is a separate module because of Helm, which hack/chart builds from it.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: helm CHART VALUES RENDERED")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run checks the chart in a folder, with a folder of values files and one of the
// manifests rendered with each: NAME.yaml, and NAME.want.yaml for the equivalent
// output of kustomize.
func run(chart, values, rendered string) error {
	errs := []error{checkSchema(chart, filepath.Join(values, "everything.yaml"))}
	files, err := filepath.Glob(filepath.Join(rendered, "*.yaml"))
	if err != nil {
		return err
	}
	sets := map[string]objects{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		if sets[name], err = read(file); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
		}
	}
	compared := 0
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		if chart, ok := strings.CutSuffix(name, ".want"); ok {
			compared++
			errs = append(errs, compare(chart, sets[name], sets[chart]))
			continue
		}
		errs = append(errs, checkObjects(name, sets[name]))
	}
	if compared == 0 {
		errs = append(errs, errors.New("nothing was compared"))
	}
	errs = append(errs,
		checkEffect(filepath.Join(values, "everything.yaml"), filepath.Join(rendered, "everything.yaml")),
		checkRights(sets["minimal"]),
		checkApart(sets["default"], sets["elsewhere"]),
	)
	return errors.Join(errs...)
}

// objects contains the objects of a release by kind, namespace and name.
type objects map[string]map[string]any

// read reads the documents of a file. Duplicate keys are an error.
func read(file string) (objects, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	found := objects{}
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		var object map[string]any
		if err := yaml.UnmarshalStrict(document, &object); err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, document)
		}
		if object == nil {
			continue // only a comment
		}
		key := fmt.Sprint(text(object, "kind"), " ", text(object, "metadata", "namespace"), " ", text(object, "metadata", "name"))
		if _, twice := found[key]; twice {
			return nil, fmt.Errorf("%s is there twice", key)
		}
		found[key] = object
	}
}

// text returns a string in an object; empty if there is none.
func text(object map[string]any, path ...string) string {
	var value any = object
	for _, key := range path {
		m, _ := value.(map[string]any)
		value = m[key]
	}
	s, _ := value.(string)
	return s
}

// compare returns the differences between the chart and kustomize.
func compare(name string, want, got objects) error {
	for key := range want {
		if strings.HasPrefix(key, "Namespace ") {
			delete(want, key) // Helm does not manage it
		}
	}
	var found differences
	cmp.Equal(neutral(want), neutral(got), cmp.Reporter(&found))
	if len(found.lines) == 0 {
		return nil
	}
	return fmt.Errorf("%s: the chart (+) differs from config/ (-):\n%s", name, strings.Join(found.lines, "\n"))
}

// differences collects paths with both values, because whole objects would be too
// long to read.
type differences struct {
	path  cmp.Path
	lines []string
}

func (d *differences) PushStep(step cmp.PathStep) { d.path = append(d.path, step) }

func (d *differences) PopStep() { d.path = d.path[:len(d.path)-1] }

func (d *differences) Report(result cmp.Result) {
	if result.Equal() {
		return
	}
	var path strings.Builder
	for _, step := range d.path {
		switch step := step.(type) {
		case cmp.MapIndex:
			fmt.Fprintf(&path, "[%v]", step.Key())
		case cmp.SliceIndex:
			fmt.Fprintf(&path, "[%d]", step.Key())
		}
	}
	d.lines = append(d.lines, path.String())
	want, got := d.path.Last().Values()
	first, second := shown(want), shown(got)
	from := 0 // the first difference, less a few words
	for from < min(len(first), len(second)) && first[from] == second[from] {
		from++
	}
	from = max(0, from-40)
	d.lines = append(d.lines, "  - "+part(first, from), "  + "+part(second, from))
}

func shown(value reflect.Value) string {
	if !value.IsValid() {
		return "(nothing)"
	}
	data, err := json.Marshal(value.Interface())
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// part returns a readable part of a long text.
func part(text string, from int) string {
	const enough = 160
	if len(text) <= enough {
		return text
	}
	to := min(len(text), from+enough)
	return fmt.Sprintf("…%s… (from byte %d)", text[from:to], from)
}

// neutral removes what only Helm adds, and the image's tag.
func neutral(set objects) objects {
	out := objects{}
	for key, object := range set {
		object = runtime.DeepCopyJSON(object)
		metadata, _ := object["metadata"].(map[string]any)
		remove(metadata, "labels", "helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/instance",
			"app.kubernetes.io/version")
		remove(metadata, "annotations", "helm.sh/resource-policy")
		if text(object, "kind") == "PrometheusRule" {
			object["spec"] = spaced(object["spec"])
		}
		if text(object, "kind") == "Deployment" {
			for _, container := range containers(object) {
				image := text(container, "image")
				if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
					container["image"] = image[:i]
				}
			}
		}
		out[key] = object
	}
	return out
}

// spaced replaces whitespace with single spaces, because kustomize breaks the lines
// of folded texts differently. That changes neither PromQL nor prose.
func spaced(value any) any {
	switch v := value.(type) {
	case string:
		return strings.Join(strings.Fields(v), " ")
	case []any:
		for i := range v {
			v[i] = spaced(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = spaced(v[key])
		}
	}
	return value
}

// remove deletes keys from a map in an object, and the map if it is empty then.
func remove(object map[string]any, field string, keys ...string) {
	m, _ := object[field].(map[string]any)
	for _, key := range keys {
		delete(m, key)
	}
	if len(m) == 0 {
		delete(object, field)
	}
}

func containers(deployment map[string]any) []map[string]any {
	var value any = deployment
	for _, key := range []string{"spec", "template", "spec", "containers"} {
		m, _ := value.(map[string]any)
		value = m[key]
	}
	list, _ := value.([]any)
	var out []map[string]any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
