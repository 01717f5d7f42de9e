// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// Secrets returns the Secrets whose data the pods use, by env, envFrom, volumes and projected volumes
// of any container. The value reports whether the pods also start without the Secret. Credentials
// that pods do not see, such as those for pulling images, are left out.
func Secrets(content model.Content) map[string]bool {
	secrets := map[string]bool{}
	for _, component := range content.Components {
		eachSecretRef(&component.Template.Spec, func(name string, optional *bool) {
			before, found := secrets[name]
			secrets[name] = ptr.Deref(optional, false) && (before || !found)
		})
	}
	return secrets
}

// WithSecretsChangedAt returns the content as it replaces the pods of the components that use one of the
// changed Secrets. The other components keep what the running content has, so their pods stay.
func WithSecretsChangedAt(content model.Content, running *model.Content, changed []string, at time.Time) model.Content {
	content.Components = slices.Clone(content.Components)
	for i := range content.Components {
		component := &content.Components[i]
		stamp := ""
		if running != nil {
			if before := running.Find(component.Name); before != nil {
				stamp = before.Template.Annotations[naming.AnnotationSecretsChangedAt]
			}
		}
		eachSecretRef(&component.Template.Spec, func(name string, _ *bool) {
			if slices.Contains(changed, name) {
				stamp = at.UTC().Format(time.RFC3339)
			}
		})
		if component.Template.Annotations[naming.AnnotationSecretsChangedAt] == stamp {
			continue
		}
		annotations := maps.Clone(component.Template.Annotations)
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[naming.AnnotationSecretsChangedAt] = stamp
		if stamp == "" {
			delete(annotations, naming.AnnotationSecretsChangedAt)
		}
		component.Template.Annotations = annotations
	}
	return content
}

// eachSecretRef calls visit for every field of the pod spec that gives the containers data of a Secret.
// A name that was left out is for the API server to reject.
func eachSecretRef(spec *corev1.PodSpec, visitNamed func(name string, optional *bool)) {
	visit := func(name string, optional *bool) {
		if name != "" {
			visitNamed(name, optional)
		}
	}
	for _, container := range containers(spec) {
		for _, source := range container.EnvFrom {
			if from := source.SecretRef; from != nil {
				visit(from.Name, from.Optional)
			}
		}
		for _, variable := range container.Env {
			if from := variable.ValueFrom; from != nil && from.SecretKeyRef != nil {
				visit(from.SecretKeyRef.Name, from.SecretKeyRef.Optional)
			}
		}
	}
	for _, volume := range spec.Volumes {
		if from := volume.Secret; from != nil {
			visit(from.SecretName, from.Optional)
		}
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if from := source.Secret; from != nil {
				visit(from.Name, from.Optional)
			}
		}
	}
}
