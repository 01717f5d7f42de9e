// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package manifest writes objects as people write them.
package manifest

import (
	"encoding/json"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Text is the YAML of an object without what only a cluster writes.
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
