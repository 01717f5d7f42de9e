// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"cmp"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// ImageRequest is an image to resolve, with the credentials that its pods have.
type ImageRequest struct {
	// Reference is the image as written in the spec.
	Reference string
	// ServiceAccount is the name of the pods' service account.
	ServiceAccount string
	// PullSecrets are the names of the pods' imagePullSecrets, separated by commas.
	PullSecrets string
}

// Image is a registry's answer about an image.
type Image struct {
	// Digest is the digest of the index or manifest that the reference names; empty if it is
	// unknown, because the registry is not asked or does not answer.
	Digest string
	// Platforms are the platforms that the image runs on, sorted; empty if unknown.
	Platforms []Platform
	// Config is the configuration from its Dockerfile; nil if the image has none that can be read.
	Config *dockerspec.DockerOCIImageConfig
	// Unresolved is why the image could not be resolved; nil if it was.
	Unresolved *Unresolved
}

// Facts are what an image declares about itself. Their JSON form is stored, so fields are only
// ever added.
type Facts struct {
	// Platforms are the platforms that the image runs on, sorted; empty if unknown.
	Platforms []Platform `json:"platforms,omitempty"`
	// Config is the configuration from its Dockerfile; nil if the image has none that can be read.
	Config *dockerspec.DockerOCIImageConfig `json:"config,omitempty"`
}

// Facts returns what the image declares about itself.
func (i Image) Facts() Facts { return Facts{Platforms: i.Platforms, Config: i.Config} }

// Platform is an operating system and architecture that an image was built for.
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
}

// String returns the platform in Docker's notation, such as linux/amd64.
func (p Platform) String() string { return p.OS + "/" + p.Architecture }

// Compare orders platforms by name.
func (p Platform) Compare(other Platform) int {
	return cmp.Or(cmp.Compare(p.OS, other.OS), cmp.Compare(p.Architecture, other.Architecture))
}

// Unresolved is why an image could not be resolved. Its JSON form is stored, so fields are only
// ever added.
type Unresolved struct {
	// Reason is a reason of the condition ImagesResolved.
	Reason string `json:"reason"`
	// Message has the details and advice.
	Message string `json:"message"`
}

// Provenance is where the values of a component came from when its revision was created. Its
// JSON form is stored, so fields are only ever added.
type Provenance struct {
	// Values are in the order in which users see them.
	Values []v1alpha1.ImageValue `json:"values,omitempty"`
	// Facts are what the component's image declared, or, if that was unknown, the image of an
	// earlier revision.
	Facts *Facts `json:"facts,omitempty"`
	// Unresolved is why an image of the component runs as written; nil if none does.
	Unresolved *Unresolved `json:"unresolved,omitempty"`
	// Resolved says that images of the component had to be resolved, and that all of them were.
	Resolved bool `json:"resolved,omitempty"`
	// Asked is the component's image before admission control replaced it; empty if it did not.
	Asked string `json:"asked,omitempty"`
}
