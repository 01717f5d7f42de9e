// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// clusterScoped lists the cluster-scoped kinds of the chart.
var clusterScoped = []string{
	"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "PriorityClass",
	"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
}

// checkObjects decodes each object strictly as its type, and checks that namespaced
// objects have a namespace and cluster-scoped ones have none.
func checkObjects(name string, set objects) error {
	known := runtime.NewScheme()
	errs := []error{scheme.AddToScheme(known), apiextensionsv1.AddToScheme(known)}
	decoder := serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer()
	if len(set) == 0 {
		errs = append(errs, fmt.Errorf("%s: nothing was rendered", name))
	}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		object := set[key]
		if text(object, "metadata", "name") == "" {
			errs = append(errs, fmt.Errorf("%s: %s has no name", name, key))
		}
		if slices.Contains(clusterScoped, text(object, "kind")) == (text(object, "metadata", "namespace") != "") {
			errs = append(errs, fmt.Errorf("%s: %s has the wrong scope for its kind", name, key))
		}
		if strings.HasPrefix(text(object, "apiVersion"), "monitoring.coreos.com/") {
			continue // not a type of Kubernetes
		}
		data, err := json.Marshal(object)
		if err == nil {
			_, _, err = decoder.Decode(data, nil, nil)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", name, key, err))
		}
	}
	return errors.Join(errs...)
}

// checkRights checks that the minimal values render no cluster-scoped object, so that
// users with rights in namespaces only can install the operator.
func checkRights(minimal objects) error {
	for key := range minimal {
		if kind, _, _ := strings.Cut(key, " "); slices.Contains(clusterScoped, kind) {
			return fmt.Errorf("minimal: %s grants rights in the whole cluster", key)
		}
	}
	return nil
}

// checkApart checks that two releases with the same name in two namespaces have no
// object in common except the CRD, which only one of them installs.
func checkApart(one, other objects) error {
	var errs []error
	for key := range one {
		if _, both := other[key]; both && !strings.HasPrefix(key, "CustomResourceDefinition ") {
			errs = append(errs, fmt.Errorf("%s belongs to two releases in two namespaces", key))
		}
	}
	return errors.Join(errs...)
}

// schema contains the keywords of JSON Schema that the chart uses.
type schema struct {
	Ref         string             `json:"$ref"`
	Properties  map[string]*schema `json:"properties"`
	Additional  json.RawMessage    `json:"additionalProperties"`
	Items       *schema            `json:"items"`
	Definitions map[string]*schema `json:"definitions"`
}

// checkSchema checks that the schema rejects misspelled keys at each level, and that the
// values, their schema and the file with every value have the same keys.
func checkSchema(chart, everything string) error {
	data, err := os.ReadFile(filepath.Join(chart, "values.schema.json"))
	if err != nil {
		return err
	}
	var root schema
	if err := json.Unmarshal(data, &root); err != nil {
		return fmt.Errorf("values.schema.json: %w", err)
	}
	var errs []error
	for _, file := range []string{filepath.Join(chart, "values.yaml"), everything} {
		values, err := readValues(file)
		if err != nil {
			return err
		}
		for _, problem := range walk(&root, &root, values, "") {
			errs = append(errs, fmt.Errorf("%s and values.schema.json: %s", file, problem))
		}
	}
	return errors.Join(errs...)
}

func readValues(file string) (map[string]any, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var values map[string]any
	if err := yaml.UnmarshalStrict(data, &values); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return values, nil
}

// walk returns the problems below a path. Below lists it checks the schema only,
// because lists have no default items.
func walk(root, at *schema, value any, path string) []string {
	if name, ok := strings.CutPrefix(at.Ref, "#/definitions/"); ok {
		at = root.Definitions[name]
	}
	if at.Items != nil {
		return walk(root, at.Items, nil, path+"[]")
	}
	if at.Properties == nil {
		return nil
	}
	var problems []string
	if string(at.Additional) != "false" {
		problems = append(problems, fmt.Sprintf("%q takes misspelled keys", path))
	}
	values, isMap := value.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(at.Properties)) {
		below, ok := values[key]
		switch {
		case isMap && !ok && path+"."+key != ".global" && !optional(path):
			problems = append(problems, fmt.Sprintf("%s.%s is in the schema only", path, key))
		default:
			problems = append(problems, walk(root, at.Properties[key], below, path+"."+key)...)
		}
	}
	return problems
}

// optional reports whether Kubernetes defines the fields below a path, so that the
// chart has no defaults for them.
func optional(path string) bool {
	return path == ".affinity" || strings.HasPrefix(path, ".resources.")
}

// checkEffect checks that each value appears in the manifests rendered with it.
func checkEffect(valuesFile, renderedFile string) error {
	values, err := readValues(valuesFile)
	if err != nil {
		return err
	}
	rendered, err := os.ReadFile(renderedFile)
	if err != nil {
		return err
	}
	// No value changes the CRD, and its many words could match by chance.
	documents := slices.DeleteFunc(strings.Split(string(rendered), "\n---\n"), func(document string) bool {
		return strings.Contains(document, "\nkind: CustomResourceDefinition\n")
	})
	rest := strings.Join(documents, "\n")
	var errs []error
	var look func(value any, path string)
	look = func(value any, path string) {
		switch v := value.(type) {
		case map[string]any:
			for key, below := range v {
				look(below, path+"."+key)
			}
		case []any:
			for i, below := range v {
				look(below, fmt.Sprintf("%s[%d]", path, i))
			}
		case float64:
			look(strconv.FormatFloat(v, 'f', -1, 64), path)
		case string:
			for line := range strings.Lines(v) {
				if !strings.Contains(rest, strings.TrimSpace(line)) {
					errs = append(errs, fmt.Errorf("%s: %s has no effect: %q is nowhere", valuesFile, path, v))
				}
			}
		}
	}
	look(values, "")
	return errors.Join(errs...)
}
