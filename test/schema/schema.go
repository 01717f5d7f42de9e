// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package schema validates stacks as the API server does: with its libraries, against the schema of
// the CRD with its list types and CEL rules.
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

// Schema is the schema of the CRD.
type Schema struct {
	// Props is the schema as written in the CRD.
	Props *apiextensionsv1.JSONSchemaProps

	structural *schema.Structural
	validator  validation.SchemaValidator
	rules      *cel.Validator
}

// Get returns the schema of the repository's CRD. It is read once.
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

// repository returns the root folder of this module: the nearest parent folder with the CRD.
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

// Validate returns the API server's errors for a new stack; none if it accepts the stack.
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

// ValidateUpdate returns the API server's errors for an update of a stack: unchanged fields may stay
// as they are, even if the schema does not accept them any more.
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

// sent returns the stack as decoded from its JSON form.
func sent(stack *v1alpha1.AppStack) (map[string]any, error) {
	raw, err := json.Marshal(stack)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	err = utiljson.Unmarshal(raw, &object) // as the API server reads numbers
	return object, err
}
