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

// clusterScoped are the kinds that the chart has outside of namespaces.
var clusterScoped = []string{
	"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "PriorityClass",
	"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
}

// checkObjects has each object decoded by its type, which must know every field,
// and looks whether it says where it belongs.
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
			errs = append(errs, fmt.Errorf("%s: %s is not where its kind belongs", name, key))
		}
		if strings.HasPrefix(text(object, "apiVersion"), "monitoring.coreos.com/") {
			continue // no type of Kubernetes
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

// checkRights: there are values with which whoever has rights in namespaces only
// can install the operator.
func checkRights(minimal objects) error {
	for key := range minimal {
		if kind, _, _ := strings.Cut(key, " "); slices.Contains(clusterScoped, kind) {
			return fmt.Errorf("minimal: %s takes rights in the whole cluster", key)
		}
	}
	return nil
}

// checkApart: two releases of the same name in two namespaces have nothing in
// common but the CRD, which one of them leaves to the other.
func checkApart(one, other objects) error {
	var errs []error
	for key := range one {
		if _, both := other[key]; both && !strings.HasPrefix(key, "CustomResourceDefinition ") {
			errs = append(errs, fmt.Errorf("%s is of two releases in two namespaces", key))
		}
	}
	return errors.Join(errs...)
}

// schema is what is used of JSON Schema.
type schema struct {
	Ref         string             `json:"$ref"`
	Properties  map[string]*schema `json:"properties"`
	Additional  json.RawMessage    `json:"additionalProperties"`
	Items       *schema            `json:"items"`
	Definitions map[string]*schema `json:"definitions"`
}

// checkSchema: at each level of the values a misspelled key is an error, and the
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

// walk says what is wrong below a path. Below lists it looks at the schema only:
// what is in them is nobody's default.
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

// optional: what these take is Kubernetes' to say, and the chart names no defaults
// for it.
func optional(path string) bool {
	return path == ".affinity" || strings.HasPrefix(path, ".resources.")
}

// checkEffect: what a value says must be somewhere in what is rendered with it.
func checkEffect(valuesFile, renderedFile string) error {
	values, err := readValues(valuesFile)
	if err != nil {
		return err
	}
	rendered, err := os.ReadFile(renderedFile)
	if err != nil {
		return err
	}
	// Of the CRD no value changes a word, and it has many of them.
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
