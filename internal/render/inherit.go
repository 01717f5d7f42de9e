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

// inherited holds the values that a component takes from its image because the spec does not set
// them (R22).
type inherited struct {
	// config is the image's config; nil if it is unknown.
	config    *dockerspec.DockerOCIImageConfig
	platforms []model.Platform
	// ports reports whether the component's ports are the image's.
	ports     bool
	portsNote string
	readiness *corev1.Probe
	// readinessNote is why the image's health check cannot be used, or empty.
	readinessNote string
	user          imageconfig.User
	// restricted reports whether the image's user is compatible with the restricted Pod Security
	// Standard.
	restricted bool
	// windows reports whether the image runs only on Windows.
	windows bool
}

// inherit fills in the values that the component does not set from its image. If the component
// overrides the image's command, such as a worker that runs from a web server's image, it inherits
// neither ports nor health check, because another program does not serve them.
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
		if adopted.Service && len(component.Ports) > 0 { // clients use the existing Service's ports, which only the user knows
			component.Ports, brought.portsNote = nil, "there is a Service of this name: set ports to adopt it"
		}
		brought.ports = len(component.Ports) > 0
	}
	if own && component.ReadinessProbe == nil && !given.Readiness {
		brought.readiness, brought.readinessNote = imageconfig.Readiness(image.Config, os)
	}
	if !brought.windows { // Windows users have no numeric IDs, and none is root
		brought.user = imageconfig.ParseUser(image.Config.User)
	}
	brought.restricted = !given.User && brought.user.Restricted()
	return component, brought
}

// securityContext returns the generated security context of the app container.
func (i inherited) securityContext() *corev1.SecurityContext {
	if i.windows {
		return nil // the API server rejects the Linux fields below
	}
	context := &corev1.SecurityContext{AllowPrivilegeEscalation: ptr.To(false)}
	if i.restricted {
		context.RunAsNonRoot = ptr.To(true)
		context.Capabilities = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
	}
	return context
}

// complete adds the settings that depend on the merged template: affinity for nodes that can run
// the image, and writable volumes if the root filesystem is read-only.
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
