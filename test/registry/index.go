// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package registry

import (
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Entry is an entry of an index.
type Entry struct {
	content  mutate.Appendable
	platform *v1.Platform
}

// For returns an entry for a platform, such as linux/arm/v7, whatever platform the image has.
func For(platform string, image v1.Image) Entry {
	return Entry{content: image, platform: must(v1.ParsePlatform(platform))}
}

// Bare returns an entry, an image or an index, without a platform.
func Bare(content mutate.Appendable) Entry {
	return Entry{content: content}
}

// IndexOptions configure an index.
type IndexOptions struct {
	// Docker makes it a manifest list, Docker's media type for indexes.
	Docker bool
	// Attestations adds an attestation for each image with a platform, as BuildKit does.
	Attestations bool
}

// Index returns an index of the entries, in order.
func Index(options IndexOptions, entries ...Entry) v1.ImageIndex {
	additions := make([]mutate.IndexAddendum, 0, 2*len(entries))
	for _, entry := range entries {
		additions = append(additions, mutate.IndexAddendum{Add: entry.content, Descriptor: v1.Descriptor{Platform: entry.platform}})
	}
	for _, entry := range entries {
		if options.Attestations && entry.platform != nil {
			additions = append(additions, attestation(must(entry.content.Digest())))
		}
	}
	index := mutate.AppendManifests(empty.Index, additions...)
	if options.Docker {
		return mutate.IndexMediaType(index, types.DockerManifestList)
	}
	return index
}

// attestation returns a BuildKit attestation of an image. It has the form of an image for an unknown
// platform.
func attestation(subject v1.Hash) mutate.IndexAddendum {
	const predicate = "https://slsa.dev/provenance/v0.2"
	statement := fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":%q,`+
		`"subject":[{"name":"_","digest":{%q:%q}}],"predicate":{}}`, predicate, subject.Algorithm, subject.Hex)
	layer := static.NewLayer(statement, "application/vnd.in-toto+json")
	config := must(json.Marshal(v1.ConfigFile{
		OS:           "unknown",
		Architecture: "unknown",
		RootFS:       v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{must(layer.DiffID())}},
	}))
	return mutate.IndexAddendum{
		Add: assemble(config, OCITypes.Manifest, OCITypes.Config, layer, map[string]string{"in-toto.io/predicate-type": predicate}),
		Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{
				"vnd.docker.reference.type":   "attestation-manifest",
				"vnd.docker.reference.digest": subject.String(),
			},
		},
	}
}
