// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package release

import (
	"fmt"
	"maps"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/internal/imageconfig"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
)

// Spec returns the spec's content as the operator would render it. It asks no registry: what an
// image says is known only if the newest revision runs that image. For any other image, the
// operator may render more, such as the ports that the image exposes.
func (r Release) Spec() (model.Content, error) {
	spec := *r.Stack.Spec.DeepCopy()
	spec.Rollback = nil // a rollback would select another revision than that of the spec's content
	choice := revision.Choose(spec, r.Revisions, r.Stack.Status.Revision, nil)
	if asked := r.Find(choice.Number); asked != nil {
		return asked.Content, nil
	}
	var newest model.Content
	if len(r.Revisions) > 0 {
		newest = r.Revisions[len(r.Revisions)-1].Content
	}
	input := render.Input{
		Stack: r.Stack, Defaults: render.StandardDefaults(), Adopted: adopted(r.Stack.Name, newest), Earlier: map[string]*model.Facts{},
		Restart: choice.Restart,
	}
	if serving := revision.LastGoodOrNewest(r.Revisions); serving != nil {
		input.Names = render.GeneratedNames(serving.Content)
	}
	for _, component := range newest.Components {
		input.Earlier[component.Name] = component.Provenance.Facts
	}
	written, err := render.Draft(input)
	if err != nil {
		return model.Content{}, fmt.Errorf("rendering the spec: %w", err)
	}
	input.Images = map[model.ImageRequest]model.Image{}
	for _, request := range render.Requests(r.Stack.Spec, written) {
		input.Images[request] = recorded(request.Reference, newest)
	}
	// Draft rather than Content: a probe may name a port that only an unknown image exposes.
	content, err := render.Draft(input)
	if err != nil {
		return model.Content{}, fmt.Errorf("rendering the spec: %w", err)
	}
	if running := r.Find(r.Stack.Status.Revision); running != nil {
		content = render.WithSecretsChangedAt(content, &running.Content, nil, time.Time{})
	}
	return content, nil
}

// recorded returns what the content records about the image; it is empty if no container runs that
// image.
func recorded(reference string, content model.Content) model.Image {
	for _, component := range content.Components {
		for _, containers := range [][]corev1.Container{component.Template.Spec.Containers, component.Template.Spec.InitContainers} {
			for _, container := range containers {
				_, digest, pinned := strings.Cut(container.Image, "@")
				if !pinned || imageconfig.Pin(reference, digest) != container.Image {
					continue
				}
				image := model.Image{Digest: digest}
				if facts := component.Provenance.Facts; facts != nil && container.Name == naming.AppContainer {
					image.Platforms, image.Config = facts.Platforms, facts.Config
				}
				return image
			}
		}
	}
	return model.Image{}
}

// adopted returns what the components of the content adopted from objects that existed before the
// stack (R26). Such components are recognized by their selector, which is not the stack's.
func adopted(stack string, content model.Content) map[string]render.Adoption {
	all := map[string]render.Adoption{}
	for _, component := range content.Components {
		if maps.Equal(component.Selector, naming.Selector(stack, component.Name)) {
			continue
		}
		labels := maps.Clone(component.Template.Labels)
		maps.DeleteFunc(labels, func(key, _ string) bool { return strings.HasPrefix(key, "app.kubernetes.io/") })
		all[component.Name] = render.Adoption{Selector: component.Selector, Labels: labels, Service: component.Service != nil}
	}
	return all
}
