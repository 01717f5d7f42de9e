// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose_test

import (
	"math"
	"os"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// TestSchema shows that an API server takes what is made, rules of the schema included.
func TestSchema(t *testing.T) {
	var definition apiextensionsv1.CustomResourceDefinition
	raw, err := os.ReadFile("../../../config/crd/bases/apps.appstack.dev_appstacks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(raw, &definition); err != nil {
		t.Fatal(err)
	}
	var props apiextensions.JSONSchemaProps
	v1Props := definition.Spec.Versions[0].Schema.OpenAPIV3Schema
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v1Props, &props, nil); err != nil {
		t.Fatal(err)
	}
	structural, err := schema.NewStructural(&props)
	if err != nil {
		t.Fatal(err)
	}
	validator, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		t.Fatal(err)
	}
	rules := cel.NewValidator(structural, true, math.MaxInt64)
	for name := range samples {
		for _, object := range convert(t, name).Objects {
			if _, ok := object.(*v1alpha1.AppStack); !ok {
				continue
			}
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
			if err != nil {
				t.Fatal(err)
			}
			errs := validation.ValidateCustomResource(nil, content, validator)
			ruleErrs, _ := rules.Validate(t.Context(), nil, structural, content, nil, math.MaxInt64)
			for _, err := range append(errs, ruleErrs...) {
				t.Errorf("%s: %s: %v", name, object.GetName(), err)
			}
		}
	}
}
