// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/world"
)

// misnamed contains names of stacks, each with a spec, that the rules on names reject.
var misnamed = map[string]fragment{
	strings.Repeat("a", 64):         {"image": "my-app:1"},
	"1-app":                         {"image": "my-app:1"},
	"my.app":                        {"image": "my-app:1"},
	strings.Repeat("a", 60) + "-bc": {"image": "my-app:1", "components": []any{fragment{"name": "worker"}}},
}

var _ = Describe("Every rule of the schema", func() {
	It("is broken by a value of the walk, and says so in full (R30)", func(ctx SpecContext) {
		w := world.New(ctx)
		// rejections by whether they are of a further component, since each rule must be seen for both
		said := map[bool]string{}
		for name, spec := range misnamed {
			said[false] += refusalOf(ctx, w.Namespace, name, spec)
		}
		for _, node := range schemaNodes() {
			if hint, hinted := hintOf(node); !hinted || len(hint.invalid) == 0 && len(node.schema.XValidations) == 0 {
				continue
			}
			for _, value := range leafValues(node) {
				if value.expected == refused {
					said[node.further] += refusalOf(ctx, w.Namespace, world.App, node.specAt(value.value, value.beside))
				}
			}
		}
		rules := 0
		visitSchema("", readSchema(), func(path string, schema apiextensionsv1.JSONSchemaProps) {
			for _, rule := range schema.XValidations {
				further := strings.HasPrefix(path, ".spec.components[]")
				Expect(said[further]).To(ContainSubstring(rule.Message), "no value violates the rule %s of %s", rule.Rule, path)
				rules++
			}
		})
		Expect(rules).To(BeNumerically(">", 0))
	})
})

// refusalOf returns the API server's rejection of a stack; empty if it accepts the stack.
func refusalOf(ctx context.Context, namespace, name string, spec fragment) string {
	err := world.Kube.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(),
		"kind":       "AppStack",
		"metadata":   map[string]any{"namespace": namespace, "name": name},
		"spec":       spec,
	}}, client.DryRunAll)
	if err == nil {
		return ""
	}
	return err.Error() + "\n"
}
