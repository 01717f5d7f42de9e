// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// fragment is a part of a spec.
type fragment = map[string]any

// leafKey is the key that the walk sets in maps that accept any key.
const leafKey = "example.com/walk"

// parseLeaf decodes a value from YAML.
func parseLeaf(text string) any {
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		panic(fmt.Sprintf("%s: %v", text, err))
	}
	return value
}

func parseFragment(text string) fragment {
	if text == "" {
		return nil
	}
	return parseLeaf(text).(fragment)
}

// mergeFragment returns base with over merged into it: maps are merged, null
// removes, and any other value replaces.
func mergeFragment(base, over fragment) fragment {
	out := fragment{}
	for key, value := range base {
		out[key] = runtime.DeepCopyJSONValue(value)
	}
	for key, value := range over {
		below, isMap := value.(fragment)
		was, wasMap := out[key].(fragment)
		switch {
		case value == nil:
			delete(out, key)
		case isMap && wasMap:
			out[key] = mergeFragment(was, below)
		default:
			out[key] = runtime.DeepCopyJSONValue(value)
		}
	}
	return out
}

// withLeaf returns the fragment with the value at a path of the schema: in the first
// item of a list, and at the existing key of a map, or at leafKey if the map is empty.
func withLeaf(base fragment, path string, value any) fragment {
	path = strings.NewReplacer("[]", ".[]", "{}", ".{}").Replace(path)
	return setLeaf(runtime.DeepCopyJSON(base), strings.Split(path, "."), value).(fragment)
}

func setLeaf(at any, path []string, value any) any {
	if len(path) == 0 {
		return runtime.DeepCopyJSONValue(value)
	}
	name := path[0]
	if name == "[]" {
		list, _ := at.([]any)
		if len(list) == 0 {
			list = []any{nil}
		}
		list[0] = setLeaf(list[0], path[1:], value)
		return list
	}
	object, _ := at.(fragment)
	if object == nil {
		object = fragment{}
	}
	if name == "{}" {
		name = leafKey
		for key := range object {
			name = key
		}
		if len(object) > 1 {
			panic("a map of the context has more than one key: " + strings.Join(path, "."))
		}
	}
	object[name] = setLeaf(object[name], path[1:], value)
	return object
}
