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

// typed is the stack as this plugin knows it. Where its spec has a field that
// the plugin does not know, being older than the operator, that is an error: the
// field would be lost when the stack is written, and decides what the content is.
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
		return nil, fmt.Errorf("this plugin does not know %s of %s, and would lose it: use the plugin of the operator's version",
			field, raw.GetName())
	}
	return stack, nil
}

// lost is the path of a field that is set before and not there after; empty where there is none.
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
	default: // one that is empty may be left out
		if after == nil && value != nil && !reflect.ValueOf(value).IsZero() {
			return path
		}
	}
	return ""
}
