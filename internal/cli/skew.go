// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// typed converts the stack to this plugin's type. A field of the spec that the plugin does not
// know, because it is older than the operator, is an error: a write would drop the field, and the
// plugin would show and compare incomplete content.
func typed(raw *unstructured.Unstructured) (*v1alpha1.AppStack, error) {
	stack := &v1alpha1.AppStack{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, stack); err != nil {
		return nil, fmt.Errorf("reading AppStack %s: %w", raw.GetName(), err)
	}
	back, err := runtime.DefaultUnstructuredConverter.ToUnstructured(stack)
	if err != nil {
		return nil, fmt.Errorf("reading AppStack %s: %w", raw.GetName(), err)
	}
	if field := lost(raw.Object["spec"], back["spec"], "spec"); field != "" {
		return nil, fmt.Errorf("this plugin does not support %s of %s, and would remove it: use the plugin of the operator's version",
			field, raw.GetName())
	}
	return stack, nil
}

// lost returns the path of a field that is set in before and missing in after; empty if there is
// none.
func lost(before, after any, path string) string {
	switch value := before.(type) {
	case map[string]any:
		other, _ := after.(map[string]any)
		for name, field := range value {
			if found := lost(field, other[name], path+"."+name); found != "" {
				return found
			}
		}
	case []any:
		other, _ := after.([]any)
		for i, field := range value {
			var same any
			if i < len(other) {
				same = other[i]
			}
			if found := lost(field, same, fmt.Sprintf("%s[%d]", path, i)); found != "" {
				return found
			}
		}
	default: // an empty value may be omitted
		if after == nil && value != nil && !reflect.ValueOf(value).IsZero() {
			return path
		}
	}
	return ""
}
