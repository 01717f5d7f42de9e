// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/internal/cli/terminal"
	"github.com/appstack-dev/appstack/internal/model"
)

// Side is one of the two contents that Diff compares.
type Side struct {
	// Name is the label in the diff, such as "revision 4".
	Name string
	// Content names ConfigMaps by their own names, not by those of copies.
	Content model.Content
	// Config are the ConfigMaps, as far as they are known, by name; nil for one that does not exist.
	Config map[string]*model.ConfigMap
	// Secrets are the Secrets that have changed since the running revision started: the sizes of their
	// values in bytes, by name and key.
	Secrets map[string]map[string]int
}

// Diff returns a unified diff of two contents for each component that differs, and for each key of a
// ConfigMap, and the names of the Secrets that have changed; it is empty if nothing differs.
func (v View) Diff(before, after Side) (string, error) {
	var out strings.Builder
	for _, name := range components(before.Content, after.Content) {
		old, err := text(before.Content.Find(name))
		if err != nil {
			return "", err
		}
		changed, err := text(after.Content.Find(name))
		if err != nil {
			return "", err
		}
		label := func(side Side, content string) string {
			if content == "" {
				return fmt.Sprintf("%s, %s: absent", side.Name, name)
			}
			return fmt.Sprintf("%s, %s", side.Name, name)
		}
		out.WriteString(v.unified(label(before, old), label(after, changed), old, changed))
	}
	return out.String() + v.configDiff(before, after) + secretDiff(after.Secrets), nil
}

// components returns the names of the components of both contents: those of before, then those that
// only after has.
func components(before, after model.Content) []string {
	var names []string
	for _, component := range before.Components {
		names = append(names, component.Name)
	}
	for _, component := range after.Components {
		if before.Find(component.Name) == nil {
			names = append(names, component.Name)
		}
	}
	return names
}

func (v View) diffLine(line string) string {
	line = terminal.Clean(line)
	switch {
	case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
		return v.Paint(terminal.Strong, line)
	case strings.HasPrefix(line, "@@"):
		return v.Paint(terminal.Faint, line)
	case strings.HasPrefix(line, "-"):
		return v.Paint(terminal.Bad, line)
	case strings.HasPrefix(line, "+"):
		return v.Paint(terminal.Good, line)
	default:
		return line
	}
}

// Content returns the content of a revision as YAML, without the defaults that the API server fills
// in.
func (v View) Content(content model.Content) (string, error) {
	var out strings.Builder
	for i, component := range content.Components {
		text, err := text(&component)
		if err != nil {
			return "", err
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.WriteString(text)
	}
	return out.String(), nil
}

// document is the YAML form of a component.
type document struct {
	Component string                 `json:"component"`
	Service   *model.Service         `json:"service,omitempty"`
	Template  corev1.PodTemplateSpec `json:"template"`
}

// text returns the component as YAML; it is empty if component is nil.
func text(component *model.Component) (string, error) {
	if component == nil {
		return "", nil
	}
	raw, err := yaml.Marshal(document{Component: component.Name, Service: component.Service, Template: brief(component.Template)})
	if err != nil {
		return "", fmt.Errorf("component %s: %w", component.Name, err)
	}
	return string(raw), nil
}
