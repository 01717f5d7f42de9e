// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/imageconfig"
	"github.com/appstack-dev/appstack/internal/model"
)

// inherited is what a component has from its image, because the spec does not
// say it (R22).
type inherited struct {
	// config is what the image says; nil where that is not known.
	config    *dockerspec.DockerOCIImageConfig
	platforms []model.Platform
	// ports says that the component's ports are the image's.
	ports     bool
	portsNote string
	readiness *corev1.Probe
	// readinessNote is what is wrong with the image's health check.
	readinessNote string
	user          imageconfig.User
	// restricted says that the image's user may have the restricted security profile.
	restricted bool
	// windows says that the image runs on Windows only.
	windows bool
}

// inherit fills what the component leaves out with what its image says. Another
// program than the image's own, such as a worker from a web server's image,
// listens on none of its ports and answers none of its health checks.
func inherit(component v1alpha1.Component, image model.Facts, adopted Adoption) (v1alpha1.Component, inherited) {
	given := overridesOf(component.PodTemplate)
	os := imageconfig.OS(image.Platforms)
	brought := inherited{config: image.Config, platforms: image.Platforms, windows: os == string(corev1.Windows)}
	if image.Config == nil {
		return component, brought
	}
	own := len(component.Command)+len(component.Args) == 0 && !given.Command
	if own && component.Ports == nil && !given.Ports {
		component.Ports, brought.portsNote = imageconfig.Ports(image.Config)
		if adopted.Service && len(component.Ports) > 0 { // its callers use its ports, which only a person can know
			component.Ports, brought.portsNote = nil, "there is a Service of this name: set ports to take it over"
		}
		brought.ports = len(component.Ports) > 0
	}
	if own && component.ReadinessProbe == nil && !given.Readiness {
		brought.readiness, brought.readinessNote = imageconfig.Readiness(image.Config, os)
	}
	if !brought.windows { // there users have no numbers, and none of them is root
		brought.user = imageconfig.ParseUser(image.Config.User)
	}
	brought.restricted = !given.User && brought.user.Restricted()
	return component, brought
}

// securityContext is the app container's.
func (i inherited) securityContext() *corev1.SecurityContext {
	if i.windows {
		return nil // what follows is Linux's, and refused there
	}
	context := &corev1.SecurityContext{AllowPrivilegeEscalation: ptr.To(false)}
	if i.restricted {
		context.RunAsNonRoot = ptr.To(true)
		context.Capabilities = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
	}
	return context
}

// complete adds to the whole template what depends on all of it: nodes that the
// image runs on, and room where it writes to.
func complete(template *corev1.PodTemplateSpec, image model.Facts) {
	template.Spec.Affinity = imageconfig.Affinity(template.Spec.Affinity, image.Platforms)
	app := model.Component{Template: *template}.App()
	if !readOnlyRoot(app) {
		return
	}
	volumes, mounts := imageconfig.Scratch(imageconfig.Volumes(image.Config), app.VolumeMounts, template.Spec.Volumes)
	template.Spec.Volumes = append(template.Spec.Volumes, volumes...)
	app.VolumeMounts = append(app.VolumeMounts, mounts...)
}

func readOnlyRoot(container *corev1.Container) bool {
	return container.SecurityContext != nil && ptr.Deref(container.SecurityContext.ReadOnlyRootFilesystem, false)
}
