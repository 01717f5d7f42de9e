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

// maxRequests is how many images of a stack are looked up; others run as written.
const maxRequests = 64

// Requests are the images to look up before the content is rendered for good
// (R21): those of all containers, but none that is on the nodes already or that
// is to run as written.
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

// containers are all of the pod.
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

// pulled says whether the container's image comes from a registry.
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

// factsOf are what is known of the image that the component runs: what it says,
// or, where its registry does not tell, what the component's last one said. A
// registry in trouble takes no port away from those who use it (R23).
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

// pin puts digests into all containers of the template, as far as they are
// known. A pinned image does not change: nodes that have it need not ask again.
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
