// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package manifest writes objects as YAML manifests.
package manifest

import (
	"encoding/json"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Text returns the YAML of an object without its status.
func Text(object client.Object) ([]byte, error) {
	raw, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("%T %s: %w", object, object.GetName(), err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("%T %s: %w", object, object.GetName(), err)
	}
	delete(fields, "status")
	text, err := yaml.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("%T %s: %w", object, object.GetName(), err)
	}
	return text, nil
}
