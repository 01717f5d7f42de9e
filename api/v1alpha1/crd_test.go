// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package v1alpha1_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"sigs.k8s.io/yaml"
)

// TestCRDFitsIntoAnAnnotation checks that plain kubectl apply can install the CRD, with room left
// for other annotations.
func TestCRDFitsIntoAnAnnotation(t *testing.T) {
	const limit = 200_000
	files, err := filepath.Glob("../../config/crd/bases/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("CRDs: %q, error %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := yaml.YAMLToJSON(text) // it escapes <, > and &, as kubectl does
			if err != nil {
				t.Fatal(err)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, raw); err != nil {
				t.Fatal(err)
			}
			if size := compact.Len(); size >= limit {
				t.Errorf("the CRD has %d bytes as compact JSON, want fewer than %d: kubectl apply stores it in the annotation %s, "+
					"and all annotations of an object are limited to %d bytes",
					size, limit, corev1.LastAppliedConfigAnnotation, apivalidation.TotalAnnotationSizeLimitB)
			}
		})
	}
}
