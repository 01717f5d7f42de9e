// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

var _ = Describe("validation", func() {
	DescribeTable("R30 each CEL rule accepts what is right, and rejects what is not with a message that names the field and the remedy",
		decides, eachRule(func(c rule) (rule, bool) { return c, true }))

	DescribeTable("R30 a rule of the main component holds for a further component too",
		decides, eachRule(rule.nested))

	It("R30 has a rejected case for every rule of the CRD", func() {
		crd := readCRD()
		covered := map[string]bool{}
		for _, c := range rules {
			covered[c.message] = true
		}
		inCRD := map[string]string{}
		for _, version := range crd.Spec.Versions {
			walk("", *version.Schema.OpenAPIV3Schema, func(path string, schema apiextensionsv1.JSONSchemaProps) {
				for _, validation := range schema.XValidations {
					Expect(validation.Message).NotTo(BeEmpty(), "the message of rule %q at %s", validation.Rule, path)
					inCRD[validation.Message] = path
				}
			})
		}
		Expect(inCRD).NotTo(BeEmpty())
		for message, path := range inCRD {
			Expect(covered).To(HaveKey(message), "the table has no case for the rule at %s", path)
		}
		for message := range covered {
			Expect(inCRD).To(HaveKey(message), "the table has a case for a rule that is not in the CRD")
		}
	})

	DescribeTable("R30 the schema says which field is wrong, and what it takes",
		func(c schemaCase) {
			err := admit("my-app", c.rejected)
			Expect(err).To(MatchError(ContainSubstring(c.field)))
			Expect(err).To(MatchError(ContainSubstring(c.message)))
		}, eachSchemaCase())

	It("accepts the smallest useful stack", func() {
		Expect(admit("my-app", `{image: "my-app:1.4.2", replicas: 3, ports: [{containerPort: 80}]}`)).To(Succeed())
	})

	It("accepts a stack that uses every field", func() {
		Expect(admit("my-app", everything)).To(Succeed())
	})

	It("R30 names a misspelled field, for clients that ask for it as kubectl does", func() {
		Expect(admit("my-app", `{image: a, replica: 3}`)).To(MatchError(ContainSubstring(`unknown field "spec.replica"`)))
	})
})

// decides checks that the rule accepts and rejects the specs of the case.
func decides(c rule) {
	GinkgoHelper()
	Expect(admit(cmp.Or(c.acceptedName, app), c.accepted)).To(Succeed())
	err := admit(cmp.Or(c.rejectedName, app), c.rejected)
	Expect(err).To(MatchError(ContainSubstring(c.message)))
	Expect(err).To(MatchError(ContainSubstring(c.field)))
}

// admit creates a stack with the spec, given as YAML, in a dry run.
func admit(name, spec string) error {
	GinkgoHelper()
	var fields map[string]any
	Expect(yaml.Unmarshal([]byte(spec), &fields)).To(Succeed(), spec)
	stack := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(),
		"kind":       "AppStack",
		"metadata":   map[string]any{"name": name, "namespace": namespace},
		"spec":       fields,
	}}
	return k8s.Create(ctx, stack, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
}

func eachRule(variant func(rule) (rule, bool)) []TableEntry {
	var entries []TableEntry
	for _, c := range rules {
		if c, ok := variant(c); ok {
			subject, _, _ := strings.Cut(c.message, ":")
			entries = append(entries, Entry(fmt.Sprintf("%s: %s", c.field, subject), c))
		}
	}
	return entries
}

func eachSchemaCase() []TableEntry {
	var entries []TableEntry
	for _, c := range schemaCases {
		entries = append(entries, Entry(c.field+" "+c.message, c))
	}
	return entries
}

func readCRD() *apiextensionsv1.CustomResourceDefinition {
	GinkgoHelper()
	raw, err := os.ReadFile(crdPath())
	Expect(err).NotTo(HaveOccurred())
	crd := &apiextensionsv1.CustomResourceDefinition{}
	Expect(yaml.UnmarshalStrict(raw, crd)).To(Succeed())
	return crd
}

func crdPath() string {
	return filepath.Join(root, "config", "crd", "bases", "apps.appstack.dev_appstacks.yaml")
}

// walk visits a schema and all nested ones.
func walk(path string, schema apiextensionsv1.JSONSchemaProps, visit func(string, apiextensionsv1.JSONSchemaProps)) {
	visit(path, schema)
	for name, property := range schema.Properties {
		walk(path+"."+name, property, visit)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		walk(path+"[]", *schema.Items.Schema, visit)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		walk(path+".*", *schema.AdditionalProperties.Schema, visit)
	}
	for _, alternatives := range slices.Concat(schema.AllOf, schema.AnyOf, schema.OneOf) {
		walk(path, alternatives, visit)
	}
}
