// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package schema validates stacks as the API server does: by the schema of the
// CRD, with its list types and CEL rules, and by the libraries of the API server.
package schema

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/cel/common"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// Schema is that of the CRD.
type Schema struct {
	// Props is the schema as it is written.
	Props *apiextensionsv1.JSONSchemaProps

	structural *schema.Structural
	validator  validation.SchemaValidator
	rules      *cel.Validator
}

// Get is the schema of the repository, read once.
var Get = sync.OnceValues(read)

func read() (*Schema, error) {
	root, err := repository()
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(root, "config", "crd", "bases", "apps.appstack.dev_appstacks.yaml"))
	if err != nil {
		return nil, fmt.Errorf("reading the CRD: %w", err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(raw, &crd); err != nil {
		return nil, fmt.Errorf("reading the CRD: %w", err)
	}
	if len(crd.Spec.Versions) != 1 {
		return nil, fmt.Errorf("the CRD has %d versions: validate by each of them", len(crd.Spec.Versions))
	}
	read := &Schema{Props: crd.Spec.Versions[0].Schema.OpenAPIV3Schema}
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(read.Props, &props, nil); err != nil {
		return nil, fmt.Errorf("converting the schema: %w", err)
	}
	if read.structural, err = schema.NewStructural(&props); err != nil {
		return nil, fmt.Errorf("reading the structural schema: %w", err)
	}
	if read.validator, _, err = validation.NewSchemaValidator(&props); err != nil {
		return nil, fmt.Errorf("building the validator: %w", err)
	}
	read.rules = cel.NewValidator(read.structural, true, math.MaxInt64)
	return read, nil
}

// repository is the folder of this module: the nearest one above the test that has the CRD's.
func repository() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "config", "crd", "bases")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", errors.New("finding the repository: no folder above has config/crd/bases")
		}
		folder = filepath.Dir(folder)
	}
}

// Validate is what the API server has against a stack, as it is sent: nothing where it takes it.
func (s *Schema) Validate(ctx context.Context, stack *v1alpha1.AppStack) field.ErrorList {
	object, err := sent(stack)
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	errs := validation.ValidateCustomResource(nil, object, s.validator)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structural, object)...)
	broken, _ := s.rules.Validate(ctx, nil, s.structural, object, nil, math.MaxInt64)
	return append(errs, broken...)
}

// ValidateUpdate is what it has against the stack in place of an earlier one: what
// has not changed may stay as it is, whatever the schema says of it by now.
func (s *Schema) ValidateUpdate(ctx context.Context, stack, old *v1alpha1.AppStack) field.ErrorList {
	object, err := sent(stack)
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	before, err := sent(old)
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	ratchet := common.NewCorrelatedObject(object, before, &model.Structural{Structural: s.structural})
	errs := validation.ValidateCustomResourceUpdate(nil, object, before, s.validator, validation.WithRatcheting(ratchet))
	if len(listtype.ValidateListSetsAndMaps(nil, s.structural, before)) == 0 {
		errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structural, object)...)
	}
	broken, _ := s.rules.Validate(ctx, nil, s.structural, object, before, math.MaxInt64, cel.WithRatcheting(ratchet))
	return append(errs, broken...)
}

// sent is the stack as its JSON form says.
func sent(stack *v1alpha1.AppStack) (map[string]any, error) {
	raw, err := json.Marshal(stack)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	err = utiljson.Unmarshal(raw, &object) // as the API server reads numbers
	return object, err
}
