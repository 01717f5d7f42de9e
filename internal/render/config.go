// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// ConfigRef is a reference of a component's pods to a ConfigMap.
type ConfigRef struct {
	Component string
	// Name is the name of the ConfigMap.
	Name string
	// Keys are the keys that it must have.
	Keys []string
	// Optional says that pods start without the ConfigMap, or without the keys.
	Optional bool
}

// ConfigRefs returns all references to ConfigMaps in the content, in the order of the components.
func ConfigRefs(content model.Content) []ConfigRef {
	var refs []ConfigRef
	for _, component := range content.Components {
		eachConfigRef(&component.Template.Spec, func(name *string, optional *bool, keys ...string) {
			refs = append(refs, ConfigRef{
				Component: component.Name, Name: *name, Keys: keys, Optional: ptr.Deref(optional, false),
			})
		})
	}
	return refs
}

// Missing returns what the reference needs and the ConfigMap lacks, as text; empty if it lacks
// nothing. found is nil for a ConfigMap that does not exist.
func (r ConfigRef) Missing(found *model.ConfigMap) string {
	if r.Optional {
		return ""
	}
	if found == nil {
		return fmt.Sprintf("ConfigMap %q does not exist", r.Name)
	}
	for _, key := range r.Keys {
		if !found.Has(key) {
			return fmt.Sprintf("ConfigMap %q has no key %q", r.Name, key)
		}
	}
	return ""
}

// ConfigCopies returns the copies of ConfigMaps for a revision of the stack, by the name of the
// source. The names of copies depend on the content, so revisions with the same content share a
// copy (R31).
func ConfigCopies(stack string, sources map[string]*model.ConfigMap) map[string]model.ConfigCopy {
	copies := make(map[string]model.ConfigCopy, len(sources))
	for source, config := range sources {
		hash := config.Hash()
		copies[source] = model.ConfigCopy{
			Source: source, Hash: hash,
			Name: naming.ConfigCopy(stack, source, model.Hash([]string{stack, source, hash})),
		}
	}
	return copies
}

// WithConfig returns the content with its templates naming the copies instead of the sources, and
// with the copies that they name. A template that names a copy in the content's Config already is
// changed to the new copy of the same source. ConfigMaps without a copy are named as they are.
func WithConfig(content model.Content, copies map[string]model.ConfigCopy) model.Content {
	sources := map[string]string{}
	for _, earlier := range content.Config {
		sources[earlier.Name] = earlier.Source
	}
	components := slices.Clone(content.Components)
	used := map[string]model.ConfigCopy{}
	for i := range components {
		spec := components[i].Template.Spec.DeepCopy()
		eachConfigRef(spec, func(name *string, _ *bool, _ ...string) {
			source := cmp.Or(sources[*name], *name)
			if copied, found := copies[source]; found {
				used[source], *name = copied, copied.Name
			} else {
				*name = source
			}
		})
		components[i].Template.Spec = *spec
	}
	content.Components, content.Config = components, nil
	for _, copied := range used {
		content.Config = append(content.Config, copied)
	}
	slices.SortFunc(content.Config, func(a, b model.ConfigCopy) int { return cmp.Compare(a.Source, b.Source) })
	return content
}

// eachConfigRef calls visit for every field of the pod spec that names a ConfigMap, with the keys
// that the ConfigMap must have. visit may change the name. A name that was left out is for the API
// server to reject.
func eachConfigRef(spec *corev1.PodSpec, visitNamed func(name *string, optional *bool, keys ...string)) {
	visit := func(name *string, optional *bool, keys ...string) {
		if *name != "" {
			visitNamed(name, optional, keys...)
		}
	}
	for _, container := range containers(spec) {
		for i := range container.EnvFrom {
			if from := container.EnvFrom[i].ConfigMapRef; from != nil {
				visit(&from.Name, from.Optional)
			}
		}
		for i := range container.Env {
			if from := container.Env[i].ValueFrom; from != nil && from.ConfigMapKeyRef != nil {
				visit(&from.ConfigMapKeyRef.Name, from.ConfigMapKeyRef.Optional, from.ConfigMapKeyRef.Key)
			}
		}
	}
	for i := range spec.Volumes {
		volume := &spec.Volumes[i]
		if from := volume.ConfigMap; from != nil {
			visit(&from.Name, from.Optional, keysOf(from.Items)...)
		}
		if volume.Projected == nil {
			continue
		}
		for j := range volume.Projected.Sources {
			if from := volume.Projected.Sources[j].ConfigMap; from != nil {
				visit(&from.Name, from.Optional, keysOf(from.Items)...)
			}
		}
	}
}

func keysOf(items []corev1.KeyToPath) []string {
	var keys []string
	for _, item := range items {
		keys = append(keys, item.Key)
	}
	return keys
}
