// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	kjson "sigs.k8s.io/json"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// InvalidPodTemplateError reports that the spec results in a pod template that is invalid or could
// not work. Its message is meant for the user.
type InvalidPodTemplateError struct{ Err error }

func (e *InvalidPodTemplateError) Error() string { return e.Err.Error() }

func (e *InvalidPodTemplateError) Unwrap() error { return e.Err }

func invalid(format string, args ...any) error {
	return &InvalidPodTemplateError{fmt.Errorf(format, args...)}
}

// overrides are the settings of the app container in the user's podTemplate that disable generated
// ones. Two handlers in one probe or hook would be invalid, and the user's values take precedence
// over the image's.
type overrides struct {
	PreStop bool
	// Grace is terminationGracePeriodSeconds; nil if it is not set.
	Grace     *int64
	Readiness bool
	// Command reports whether the command or its arguments are set.
	Command bool
	Ports   bool
	// User reports whether the user is set, for the container or for the pod.
	User bool
}

// identity holds the security context fields that set a container's user.
type identity struct {
	RunAsUser    *int64 `json:"runAsUser"`
	RunAsNonRoot *bool  `json:"runAsNonRoot"`
}

func (i identity) given() bool { return i.RunAsUser != nil || i.RunAsNonRoot != nil }

func overridesOf(partial *runtime.RawExtension) overrides {
	if partial == nil {
		return overrides{}
	}
	var template struct {
		Spec struct {
			Grace           *int64   `json:"terminationGracePeriodSeconds"`
			SecurityContext identity `json:"securityContext"`
			Containers      []struct {
				Name            string                     `json:"name"`
				Command         []string                   `json:"command"`
				Args            []string                   `json:"args"`
				Ports           json.RawMessage            `json:"ports"`
				ReadinessProbe  map[string]json.RawMessage `json:"readinessProbe"`
				SecurityContext identity                   `json:"securityContext"`
				Lifecycle       struct {
					PreStop json.RawMessage `json:"preStop"`
				} `json:"lifecycle"`
			} `json:"containers"`
		} `json:"spec"`
	}
	if json.Unmarshal(partial.Raw, &template) != nil {
		return overrides{} // the merge reports the error
	}
	found := overrides{User: template.Spec.SecurityContext.given(), Grace: template.Spec.Grace}
	for _, container := range template.Spec.Containers {
		if container.Name != naming.AppContainer {
			continue
		}
		found.PreStop = container.Lifecycle.PreStop != nil
		found.Command = len(container.Command)+len(container.Args) > 0
		found.Ports = container.Ports != nil
		found.User = found.User || container.SecurityContext.given()
		for _, handler := range []string{"exec", "grpc", "httpGet", "tcpSocket"} {
			found.Readiness = found.Readiness || container.ReadinessProbe[handler] != nil
		}
	}
	return found
}

// overlay merges the user's podTemplate over the generated template like kubectl patch does
// (strategic merge), except that ports with the same number and different protocols stay separate.
// It returns an InvalidPodTemplateError if the result is not a valid template.
func overlay(generated corev1.PodTemplateSpec, partial *runtime.RawExtension) (corev1.PodTemplateSpec, error) {
	if partial == nil || len(partial.Raw) == 0 {
		return generated, nil
	}
	base, err := json.Marshal(generated)
	if err != nil {
		return corev1.PodTemplateSpec{}, fmt.Errorf("encoding the generated template: %w", err)
	}
	merged, err := mergeJSON(base, partial.Raw)
	if err != nil {
		return corev1.PodTemplateSpec{}, invalid("podTemplate: merging it: %w", err)
	}
	var template corev1.PodTemplateSpec
	// strict only after the merge, which removes directives such as $patch
	unknown, err := kjson.UnmarshalStrict(merged, &template)
	if err = errors.Join(append(unknown, err)...); err != nil {
		return corev1.PodTemplateSpec{}, invalid("podTemplate: %w: use the fields of a core/v1 PodTemplateSpec", err)
	}
	if (model.Component{Template: template}).App().Name == "" {
		return corev1.PodTemplateSpec{}, invalid("podTemplate: it deletes the container %q, which runs the image: keep it",
			naming.AppContainer)
	}
	return template, nil
}

func mergeJSON(base, patch []byte) ([]byte, error) {
	documents := [2]map[string]any{}
	for i, raw := range [][]byte{base, patch} {
		if kjson.UnmarshalCaseSensitivePreserveInts(raw, &documents[i]) != nil {
			return nil, mergepatch.ErrBadJSONDoc
		}
	}
	merged, err := strategicMerge(documents[0], documents[1], corev1.PodTemplateSpec{})
	if err != nil {
		return nil, err
	}
	return json.Marshal(merged)
}
