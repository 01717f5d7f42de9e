// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"cmp"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// ImageRequest is an image to look up, and the credentials that its pods have.
type ImageRequest struct {
	// Reference as the spec has it.
	Reference string
	// ServiceAccount of the pods.
	ServiceAccount string
	// PullSecrets are the names of the pods' imagePullSecrets, with a comma between them.
	PullSecrets string
}

// Image is what a registry says of an image.
type Image struct {
	// Digest of the index or the manifest that the reference names; empty where it
	// is not known, because the registry is not asked or does not answer.
	Digest string
	// Platforms that the image runs on, sorted; none where that is not known.
	Platforms []Platform
	// Config is what its Dockerfile said; nil where the image has none that can be read.
	Config *dockerspec.DockerOCIImageConfig
	// Unresolved is why the registry does not answer.
	Unresolved *Unresolved
}

// Facts are what an image says of itself. Their JSON form is stored, so fields
// are only ever added.
type Facts struct {
	// Platforms that the image runs on, sorted; none where that is not known.
	Platforms []Platform `json:"platforms,omitempty"`
	// Config is what its Dockerfile said; nil where the image has none that can be read.
	Config *dockerspec.DockerOCIImageConfig `json:"config,omitempty"`
}

// Facts are what the image says of itself.
func (i Image) Facts() Facts { return Facts{Platforms: i.Platforms, Config: i.Config} }

// Platform is what an image was built for.
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
}

// String is the platform as Docker writes it.
func (p Platform) String() string { return p.OS + "/" + p.Architecture }

// Compare orders platforms by name.
func (p Platform) Compare(other Platform) int {
	return cmp.Or(cmp.Compare(p.OS, other.OS), cmp.Compare(p.Architecture, other.Architecture))
}

// Unresolved is why an image could not be looked up. Its JSON form is stored,
// so fields are only ever added.
type Unresolved struct {
	// Reason is one of v1alpha1's reasons of the condition ImagesResolved.
	Reason string `json:"reason"`
	// Message has the details, and what can be done.
	Message string `json:"message"`
}

// Provenance is where the values of a component came from when its revision was
// made. Its JSON form is stored, so fields are only ever added.
type Provenance struct {
	// Values, in the order in which users see them.
	Values []v1alpha1.ImageValue `json:"values,omitempty"`
	// Facts are what the component's image said: that of an earlier revision, where
	// this one's was not known.
	Facts *Facts `json:"facts,omitempty"`
	// Unresolved is why an image of the component runs as written; nil where none does.
	Unresolved *Unresolved `json:"unresolved,omitempty"`
	// Resolved says that images of the component were looked up, and all that were are known.
	Resolved bool `json:"resolved,omitempty"`
	// Asked is the component's image as it was asked for; empty where the cluster's
	// admission left it as it was.
	Asked string `json:"asked,omitempty"`
}
