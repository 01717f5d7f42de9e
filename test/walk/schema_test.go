// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// schemaNode is a node in the schema of the spec.
type schemaNode struct {
	// path is as in spec.components[].resources.limits{}: [] is an item of a list, {} a value of a map.
	path string
	// relative is the path below the component: the same for the main one and a further one.
	relative string
	// further reports whether it belongs to a further component.
	further bool
	schema  apiextensionsv1.JSONSchemaProps
}

// leaf reports whether the node has no children.
func (n schemaNode) leaf() bool {
	return len(n.schema.Properties) == 0 && n.schema.Items == nil && n.schema.AdditionalProperties == nil
}

// last returns the last name of the path.
func (n schemaNode) last() string { return lastName(n.path) }

func lastName(path string) string {
	return strings.TrimRight(path[strings.LastIndex(path, ".")+1:], "[]{}")
}

const furtherPrefix = "spec.components[]."

func newSchemaNode(path string, schema apiextensionsv1.JSONSchemaProps) schemaNode {
	node := schemaNode{path: path, relative: strings.TrimPrefix(path, "spec."), schema: schema}
	if rest, further := strings.CutPrefix(path, furtherPrefix); further {
		node.further = true
		if rest != "name" {
			node.relative = rest
		}
	}
	return node
}

// readSchema returns the CRD's schema of a stack.
func readSchema() apiextensionsv1.JSONSchemaProps {
	raw, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", "apps.appstack.dev_appstacks.yaml"))
	if err != nil {
		panic(err) // before any spec can fail
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(raw, &crd); err != nil {
		panic(err)
	}
	if len(crd.Spec.Versions) != 1 {
		panic(fmt.Sprintf("the CRD has %d versions: walk over each of them", len(crd.Spec.Versions)))
	}
	return *crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// schemaNodes returns the nodes of the spec, sorted by path.
func schemaNodes() []schemaNode {
	var all []schemaNode
	visitSchema("spec", readSchema().Properties["spec"], func(path string, schema apiextensionsv1.JSONSchemaProps) {
		if path != "spec" {
			all = append(all, newSchemaNode(path, schema))
		}
	})
	return all
}

func visitSchema(path string, schema apiextensionsv1.JSONSchemaProps, visit func(string, apiextensionsv1.JSONSchemaProps)) {
	visit(path, schema)
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		visitSchema(path+"."+name, schema.Properties[name], visit)
	}
	if schema.Items != nil {
		visitSchema(path+"[]", *schema.Items.Schema, visit)
	}
	if schema.AdditionalProperties != nil {
		visitSchema(path+"{}", *schema.AdditionalProperties.Schema, visit)
	}
}
