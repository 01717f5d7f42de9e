// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/dockerfile"
	"github.com/appstack-dev/appstack/internal/model"
)

// maxValue is how many bytes of a value, and of what is to be said of it, users see.
const maxValue = 1024

// provenanceOf says where the values of a component come from (R22): spec is the
// component as the spec has it.
func provenanceOf(spec v1alpha1.Component, brought inherited, template corev1.PodTemplateSpec) model.Provenance {
	app := model.Component{Template: template}.App()
	given := overridesOf(spec.PodTemplate)
	var values []v1alpha1.ImageValue
	add := func(name, value string, source v1alpha1.ImageValueSource, message string) {
		if value == "" && message == "" {
			return
		}
		values = append(values, v1alpha1.ImageValue{
			Name: name, Value: model.Truncate(value, maxValue), Source: source, Message: model.Truncate(message, maxValue),
		})
	}
	fromImage := func(image bool, otherwise v1alpha1.ImageValueSource) v1alpha1.ImageValueSource {
		if image {
			return v1alpha1.ImageValueSourceImage
		}
		return otherwise
	}

	add("ports", ports(app.Ports), fromImage(brought.ports || brought.portsNote != "", v1alpha1.ImageValueSourceSpec), brought.portsNote)
	readiness := v1alpha1.ImageValueSourceDefault
	if spec.ReadinessProbe != nil || given.Readiness {
		readiness = v1alpha1.ImageValueSourceSpec
	}
	add("readinessProbe", probe(app.ReadinessProbe), fromImage(brought.readiness != nil, readiness), brought.readinessNote)
	if given.User {
		add("user", user(template.Spec.SecurityContext, app.SecurityContext), v1alpha1.ImageValueSourceSpec, "")
	}
	if brought.config == nil {
		return model.Provenance{Values: values}
	}
	if !given.User && !brought.windows {
		message := brought.user.Note()
		if brought.restricted {
			message = "runAsNonRoot, and no capabilities"
		}
		add("user", cmp.Or(brought.user.Text, "root"), fromImage(brought.user.Text != "", v1alpha1.ImageValueSourceDefault), message)
	}
	var platforms []string
	for _, platform := range brought.platforms {
		platforms = append(platforms, platform.String())
	}
	add("platforms", strings.Join(platforms, ", "), v1alpha1.ImageValueSourceImage, "")
	message := ""
	if readOnlyRoot(app) {
		message = "the root filesystem is read only: an emptyDir is where nothing else is mounted"
	}
	add("volumes", strings.Join(dockerfile.Volumes(brought.config), ", "), v1alpha1.ImageValueSourceImage, message)
	if app.Lifecycle != nil && app.Lifecycle.StopSignal != nil {
		add("stopSignal", string(*app.Lifecycle.StopSignal), v1alpha1.ImageValueSourceSpec, "")
	} else {
		add("stopSignal", brought.config.StopSignal, v1alpha1.ImageValueSourceImage, "")
	}
	return model.Provenance{Values: values}
}

func ports(all []corev1.ContainerPort) string {
	var words []string
	for _, port := range all {
		words = append(words, fmt.Sprintf("%d/%s", port.ContainerPort, cmp.Or(port.Protocol, corev1.ProtocolTCP)))
	}
	return strings.Join(words, ", ")
}

// probe is a probe in short.
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

// user is who the container runs as, as the spec has it.
func user(pod *corev1.PodSecurityContext, container *corev1.SecurityContext) string {
	pod, container = cmp.Or(pod, &corev1.PodSecurityContext{}), cmp.Or(container, &corev1.SecurityContext{})
	if id := cmp.Or(container.RunAsUser, pod.RunAsUser); id != nil {
		return strconv.FormatInt(*id, 10)
	}
	return fmt.Sprintf("runAsNonRoot: %t", ptr.Deref(cmp.Or(container.RunAsNonRoot, pod.RunAsNonRoot), false))
}
