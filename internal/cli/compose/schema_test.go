// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose_test

import (
	"testing"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/schema"
)

// TestSchema checks that the API server accepts the generated stacks, including the schema's CEL
// rules.
func TestSchema(t *testing.T) {
	crd, err := schema.Get()
	if err != nil {
		t.Fatal(err)
	}
	for name := range samples {
		for _, object := range convert(t, name).Objects {
			stack, ok := object.(*v1alpha1.AppStack)
			if !ok {
				continue
			}
			for _, err := range crd.Validate(t.Context(), stack) {
				t.Errorf("%s: %s: %v", name, stack.Name, err)
			}
		}
	}
}
