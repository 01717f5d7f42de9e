// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/imageconfig"
	"github.com/appstack-dev/appstack/internal/model"
)

// maxValue limits a value and its message, in bytes.
const maxValue = 1024

// sources collects the provenance of a component's values.
type sources struct {
	// spec is the component as the spec has it.
	spec    v1alpha1.Component
	given   overrides
	brought inherited
	pod     *corev1.PodSpec
	app     *corev1.Container
	values  []v1alpha1.ImageValue
}

// provenanceOf returns the source of each of the component's values (R22).
func provenanceOf(spec v1alpha1.Component, brought inherited, template corev1.PodTemplateSpec) model.Provenance {
	s := &sources{
		spec:    spec,
		given:   overridesOf(spec.PodTemplate),
		brought: brought,
		pod:     &template.Spec,
		app:     model.Component{Template: template}.App(),
	}
	s.ports()
	s.readiness()
	s.user()
	s.platforms()
	s.volumes()
	s.stopSignal()
	return model.Provenance{Values: s.values}
}

// add adds a value, unless both the value and its message are empty.
func (s *sources) add(name, value string, source v1alpha1.ImageValueSource, message string) {
	if value == "" && message == "" {
		return
	}
	s.values = append(s.values, v1alpha1.ImageValue{
		Name: name, Value: model.Truncate(value, maxValue), Source: source, Message: model.Truncate(message, maxValue),
	})
}

func (s *sources) ports() {
	source := v1alpha1.ImageValueSourceSpec
	if s.brought.ports || s.brought.portsNote != "" {
		source = v1alpha1.ImageValueSourceImage
	}
	var words []string
	for _, port := range s.app.Ports {
		words = append(words, fmt.Sprintf("%d/%s", port.ContainerPort, cmp.Or(port.Protocol, corev1.ProtocolTCP)))
	}
	s.add("ports", strings.Join(words, ", "), source, s.brought.portsNote)
}

func (s *sources) readiness() {
	source := v1alpha1.ImageValueSourceDefault
	switch {
	case s.spec.ReadinessProbe != nil, s.given.Readiness:
		source = v1alpha1.ImageValueSourceSpec
	case s.brought.readiness != nil:
		source = v1alpha1.ImageValueSourceImage
	}
	s.add("readinessProbe", probe(s.app.ReadinessProbe), source, s.brought.readinessNote)
}

func (s *sources) user() {
	if s.given.User {
		s.add("user", givenUser(s.pod.SecurityContext, s.app.SecurityContext), v1alpha1.ImageValueSourceSpec, "")
		return
	}
	if s.brought.config == nil || s.brought.windows {
		return
	}
	message := s.brought.user.Note()
	if s.brought.restricted {
		message = restrictions(s.app.SecurityContext)
	}
	if s.brought.user.Text == "" {
		s.add("user", "root", v1alpha1.ImageValueSourceDefault, message)
		return
	}
	s.add("user", s.brought.user.Text, v1alpha1.ImageValueSourceImage, message)
}

// restrictions describes which settings of the restricted Pod Security Standard the container has.
func restrictions(context *corev1.SecurityContext) string {
	if context == nil || !ptr.Deref(context.RunAsNonRoot, false) {
		return ""
	}
	capabilities := ptr.Deref(context.Capabilities, corev1.Capabilities{})
	if len(capabilities.Add) == 0 && slices.Equal(capabilities.Drop, []corev1.Capability{"ALL"}) {
		return "runAsNonRoot, and no capabilities"
	}
	return "runAsNonRoot"
}

func (s *sources) platforms() {
	var words []string
	for _, platform := range s.brought.platforms {
		words = append(words, platform.String())
	}
	s.add("platforms", strings.Join(words, ", "), v1alpha1.ImageValueSourceImage, "")
}

func (s *sources) volumes() {
	paths := strings.Join(imageconfig.Volumes(s.brought.config), ", ")
	message := ""
	if paths != "" && readOnlyRoot(s.app) {
		message = "the root filesystem is read only: an emptyDir is where nothing else is mounted"
	}
	s.add("volumes", paths, v1alpha1.ImageValueSourceImage, message)
}

func (s *sources) stopSignal() {
	if s.app.Lifecycle != nil && s.app.Lifecycle.StopSignal != nil {
		s.add("stopSignal", string(*s.app.Lifecycle.StopSignal), v1alpha1.ImageValueSourceSpec, "")
	} else if s.brought.config != nil {
		s.add("stopSignal", s.brought.config.StopSignal, v1alpha1.ImageValueSourceImage, "")
	}
}

// probe describes a probe briefly.
func probe(p *corev1.Probe) string {
	switch {
	case p == nil:
		return ""
	case p.Exec != nil:
		return "exec " + strings.Join(p.Exec.Command, " ")
	case p.HTTPGet != nil:
		return fmt.Sprintf("HTTP GET %s on port %s", cmp.Or(p.HTTPGet.Path, "/"), p.HTTPGet.Port.String())
	case p.TCPSocket != nil:
		return "TCP on port " + p.TCPSocket.Port.String()
	case p.GRPC != nil:
		return fmt.Sprintf("gRPC on port %d", p.GRPC.Port)
	default:
		return ""
	}
}

// givenUser returns the user that the spec sets for the container.
func givenUser(pod *corev1.PodSecurityContext, container *corev1.SecurityContext) string {
	pod, container = cmp.Or(pod, &corev1.PodSecurityContext{}), cmp.Or(container, &corev1.SecurityContext{})
	if id := cmp.Or(container.RunAsUser, pod.RunAsUser); id != nil {
		return strconv.FormatInt(*id, 10)
	}
	return fmt.Sprintf("runAsNonRoot: %t", ptr.Deref(cmp.Or(container.RunAsNonRoot, pod.RunAsNonRoot), false))
}
