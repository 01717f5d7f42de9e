// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// deploymentDrift is the path of the first field of the Deployment that is not
// as it is to be, or empty. The template has to be the same in all; of the rest
// only what the operator sets counts.
func deploymentDrift(want, live *appsv1.Deployment) string {
	same := equality.Semantic.DeepEqual
	switch {
	case !same(want.Spec.Template, live.Spec.Template):
		return templateDrift(want.Spec.Template, live.Spec.Template)
	case want.Spec.Replicas != nil && !same(want.Spec.Replicas, live.Spec.Replicas):
		return replicasPath
	case !same(want.Spec.Strategy, live.Spec.Strategy):
		return "spec.strategy"
	case want.Spec.MinReadySeconds != live.Spec.MinReadySeconds:
		return "spec.minReadySeconds"
	case !same(want.Spec.ProgressDeadlineSeconds, live.Spec.ProgressDeadlineSeconds):
		return "spec.progressDeadlineSeconds"
	case !same(want.Spec.RevisionHistoryLimit, live.Spec.RevisionHistoryLimit):
		return "spec.revisionHistoryLimit"
	case want.Spec.Paused != live.Spec.Paused:
		return "spec.paused"
	}
	return metadataDrift(want, live)
}

// Where a Deployment has its pod template, and its number of pods.
const (
	templatePath = "spec.template"
	replicasPath = "spec.replicas"
)

// templateDrift is the path of the first field in which two pod templates differ. What
// matters most comes first: an image, then what else pods run.
func templateDrift(want, live corev1.PodTemplateSpec) string {
	for i, container := range want.Spec.Containers {
		if i < len(live.Spec.Containers) && live.Spec.Containers[i].Name == container.Name &&
			live.Spec.Containers[i].Image != container.Image {
			return fmt.Sprintf("%s.spec.containers[%s].image", templatePath, container.Name)
		}
	}
	wanted, found := templateFields(want), templateFields(live)
	return cmp.Or(
		difference(templatePath+".spec", wanted["spec"], found["spec"]), difference(templatePath, wanted, found), templatePath,
	)
}

// templateFields are those of a pod template, with annotations and labels even
// where it has none: each of them is a field of its own.
func templateFields(template corev1.PodTemplateSpec) map[string]any {
	all := fields(&template)
	if metadata, ok := all["metadata"].(map[string]any); ok {
		for _, key := range []string{"annotations", "labels"} {
			if metadata[key] == nil {
				metadata[key] = map[string]any{}
			}
		}
	}
	return all
}

// difference is the path of the first value that is not the same in both, or empty.
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

// item is that of a list at position i, or nil.
func item(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// itemPath is the path of what two lists have at position i: by its name where it has one.
func itemPath(path string, i int, lists ...[]any) string {
	for _, list := range lists {
		fields, _ := item(list, i).(map[string]any)
		if name, named := fields["name"].(string); named {
			return fmt.Sprintf("%s[%s]", path, name)
		}
	}
	return fmt.Sprintf("%s[%d]", path, i)
}

// metadataDrift is the same of what the operator sets in the metadata.
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

// lacking is the first key under which the live values are not as they are to be, or empty.
func lacking(want, live map[string]string) (first string) {
	for key, value := range want {
		if have, found := live[key]; (!found || have != value) && (first == "" || key < first) {
			first = key
		}
	}
	return first
}

// appliedDrift is the path of the first field of the configuration that the
// live object does not have as it is to be, or empty. What the configuration
// does not name is left to others; what it no longer names shows in its hash.
func appliedDrift(config any, live metav1.Object) string {
	want, have := fields(config), fields(live)
	delete(want, "apiVersion") // typed objects from the cache have neither
	delete(want, "kind")
	if at := missing("spec", want["spec"], have["spec"]); at != "" {
		return at
	}
	return missing("", want, have)
}

// missing is the path of the first value in want that have does not hold, or empty.
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

// counterpart is the item of a list that corresponds to one at position i of
// another: by the key of the list where its items have one, else by position.
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

// fields are those of an API type, as in its JSON form.
func fields(object any) map[string]any {
	all, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		panic(fmt.Sprintf("reading a %T: %v", object, err)) // only API types come here
	}
	return all
}
