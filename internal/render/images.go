// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/imageconfig"
	"github.com/appstack-dev/appstack/internal/model"
)

// maxRequests is how many images of a stack are resolved; further ones run as written.
const maxRequests = 64

// Requests returns the images to resolve before the final content is rendered (R21): those of all
// containers, except images that are never pulled. It returns none if imageResolution is Tag.
func Requests(spec v1alpha1.AppStackSpec, content model.Content) []model.ImageRequest {
	if spec.ImageResolution == v1alpha1.ImageResolutionTag {
		return nil
	}
	var requests []model.ImageRequest
	for _, component := range content.Components {
		template := component.Template
		for _, container := range containers(&template.Spec) {
			request := requestOf(template.Spec, *container)
			if pulled(*container) && !slices.Contains(requests, request) && len(requests) < maxRequests {
				requests = append(requests, request)
			}
		}
	}
	return requests
}

// containers returns all containers and init containers of the pod.
func containers(spec *corev1.PodSpec) []*corev1.Container {
	var all []*corev1.Container
	for i := range spec.Containers {
		all = append(all, &spec.Containers[i])
	}
	for i := range spec.InitContainers {
		all = append(all, &spec.InitContainers[i])
	}
	return all
}

// pulled reports whether the container's image may be pulled from a registry.
func pulled(container corev1.Container) bool { return container.ImagePullPolicy != corev1.PullNever }

func requestOf(spec corev1.PodSpec, container corev1.Container) model.ImageRequest {
	var secrets []string
	for _, secret := range spec.ImagePullSecrets {
		secrets = append(secrets, secret.Name)
	}
	return model.ImageRequest{
		Reference:      container.Image,
		ServiceAccount: spec.ServiceAccountName,
		PullSecrets:    strings.Join(secrets, ","),
	}
}

// factsOf returns the facts of the component's image. If the image could not be resolved, it
// returns the facts of the component's previous image, so that an unavailable registry removes no
// port that clients use (R23).
func factsOf(template corev1.PodTemplateSpec, images map[model.ImageRequest]model.Image, earlier *model.Facts) *model.Facts {
	app := model.Component{Template: template}.App()
	image, found := images[requestOf(template.Spec, *app)]
	switch {
	case !found, !pulled(*app):
		return nil
	case image.Digest == "":
		return earlier
	}
	return new(image.Facts())
}

// pin adds the resolved digests to the images of all containers. The content of a pinned image
// cannot change, so nodes that have it need not pull it again.
func pin(template *corev1.PodTemplateSpec, images map[model.ImageRequest]model.Image, provenance *model.Provenance) {
	for _, container := range containers(&template.Spec) {
		image, found := images[requestOf(template.Spec, *container)]
		switch {
		case !found, !pulled(*container), image.Digest == "" && image.Unresolved == nil:
		case image.Unresolved != nil:
			provenance.Unresolved = cmp.Or(provenance.Unresolved, image.Unresolved)
		default:
			provenance.Resolved = true
			container.Image = imageconfig.Pin(container.Image, image.Digest)
			container.ImagePullPolicy = cmp.Or(container.ImagePullPolicy, corev1.PullIfNotPresent)
		}
	}
	provenance.Resolved = provenance.Resolved && provenance.Unresolved == nil
}
