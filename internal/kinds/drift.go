// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package kinds

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// difference returns the path of the first value that differs; empty if both are equal.
func difference(path string, want, have any) string {
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		if !ok {
			return path
		}
		keys := slices.AppendSeq(slices.Collect(maps.Keys(want)), maps.Keys(have))
		slices.Sort(keys)
		for _, key := range slices.Compact(keys) {
			if at := difference(join(path, key), want[key], have[key]); at != "" {
				return at
			}
		}
		return ""
	case []any:
		have, ok := have.([]any)
		if !ok {
			return path
		}
		for i := range max(len(want), len(have)) {
			if at := difference(itemPath(path, i, want, have), item(want, i), item(have, i)); at != "" {
				return at
			}
		}
		return ""
	default:
		if reflect.DeepEqual(want, have) {
			return ""
		}
		return path
	}
}

// item returns the item at position i, or nil.
func item(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// itemPath returns the path of the lists' item at position i, by the item's name if it has one.
func itemPath(path string, i int, lists ...[]any) string {
	for _, list := range lists {
		fields, _ := item(list, i).(map[string]any)
		if name, named := fields["name"].(string); named {
			return fmt.Sprintf("%s[%s]", path, name)
		}
	}
	return fmt.Sprintf("%s[%d]", path, i)
}

// metadataDrift returns the path of the first metadata field that the operator sets and that
// differs; empty if none does.
func metadataDrift(want, live metav1.Object) string {
	if key := lacking(want.GetAnnotations(), live.GetAnnotations()); key != "" {
		return "metadata.annotations." + key
	}
	if key := lacking(want.GetLabels(), live.GetLabels()); key != "" {
		return "metadata.labels." + key
	}
	owners := live.GetOwnerReferences()
	for i, owner := range want.GetOwnerReferences() {
		at := slices.IndexFunc(owners, func(o metav1.OwnerReference) bool { return o.UID == owner.UID })
		if at < 0 || !equality.Semantic.DeepEqual(owner, owners[at]) {
			return fmt.Sprintf("metadata.ownerReferences[%d]", i)
		}
	}
	return ""
}

// lacking returns the first key in want whose value in live is missing or differs; empty if
// there is none.
func lacking(want, live map[string]string) (first string) {
	for key, value := range want {
		if have, found := live[key]; (!found || have != value) && (first == "" || key < first) {
			first = key
		}
	}
	return first
}

// appliedDrift returns the path of the first field of the configuration that the live object
// lacks or has with another value; empty if there is none. Fields outside the configuration
// belong to others; a field that the configuration no longer names shows in its hash.
func appliedDrift(config any, live metav1.Object) string {
	want, have := fields(config), fields(live)
	delete(want, "apiVersion") // objects from the cache are typed and have neither
	delete(want, "kind")
	if at := missing("spec", want["spec"], have["spec"]); at != "" {
		return at
	}
	return missing("", want, have)
}

// missing returns the path of the first value in want that have does not contain; empty if it
// contains all.
func missing(path string, want, have any) string {
	switch want := want.(type) {
	case map[string]any:
		have, _ := have.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if at := missing(join(path, key), want[key], have[key]); at != "" {
				return at
			}
		}
		return ""
	case []any:
		have, _ := have.([]any)
		for i, item := range want {
			if at := missing(fmt.Sprintf("%s[%d]", path, i), item, counterpart(item, i, have)); at != "" {
				return at
			}
		}
		return ""
	default:
		if reflect.DeepEqual(want, have) {
			return ""
		}
		return path
	}
}

// counterpart returns the item of the list that corresponds to an item at position i of another
// list: by uid or name if the item has one, otherwise by position. It is nil if there is none.
func counterpart(item any, i int, list []any) any {
	for _, key := range []string{"uid", "name"} {
		wanted, _ := item.(map[string]any)
		value, keyed := wanted[key]
		if !keyed {
			continue
		}
		for _, candidate := range list {
			if fields, ok := candidate.(map[string]any); ok && fields[key] == value {
				return candidate
			}
		}
		return nil
	}
	if i < len(list) {
		return list[i]
	}
	return nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// fields returns the fields of an API type in its JSON form.
func fields(object any) map[string]any {
	all, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		panic(fmt.Sprintf("reading a %T: %v", object, err)) // only API types are passed
	}
	return all
}
