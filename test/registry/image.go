// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package registry

import (
	"bytes"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// MediaTypes are the media types of an image's parts.
type MediaTypes struct {
	Manifest, Config, Layer types.MediaType
}

// The two kinds of images.
var (
	OCITypes    = MediaTypes{Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON, Layer: types.OCIUncompressedLayer}
	DockerTypes = MediaTypes{Manifest: types.DockerManifestSchema2, Config: types.DockerConfigJSON, Layer: types.DockerUncompressedLayer}
)

// emptyTar is the content of all images: an archive without files.
var emptyTar = make([]byte, 1024)

// ImageOption changes an image.
type ImageOption func(*imageParts)

type imageParts struct {
	file  v1.ConfigFile
	types MediaTypes
}

// Image returns an OCI image for linux/amd64 with an empty config, changed by the options. The same
// options give the same digest.
func Image(options ...ImageOption) v1.Image {
	digest := must(static.NewLayer(emptyTar, "").DiffID())
	parts := &imageParts{
		file: v1.ConfigFile{
			OS:           "linux",
			Architecture: "amd64",
			RootFS:       v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{digest}},
		},
		types: OCITypes,
	}
	for _, option := range options {
		option(parts)
	}
	return RawImage(must(json.Marshal(parts.file)), parts.types)
}

// Edit changes the config file.
func Edit(edit func(*v1.ConfigFile)) ImageOption {
	return func(p *imageParts) { edit(&p.file) }
}

// OCI sets OCI's media types, which are the default.
func OCI() ImageOption { return func(p *imageParts) { p.types = OCITypes } }

// Docker sets Docker's media types.
func Docker() ImageOption { return func(p *imageParts) { p.types = DockerTypes } }

// Expose declares ports, such as 80/tcp.
func Expose(ports ...string) ImageOption {
	return Edit(func(f *v1.ConfigFile) { f.Config.ExposedPorts = add(f.Config.ExposedPorts, ports) })
}

// Volume declares volumes, by their paths.
func Volume(paths ...string) ImageOption {
	return Edit(func(f *v1.ConfigFile) { f.Config.Volumes = add(f.Config.Volumes, paths) })
}

// Healthcheck declares a check, such as CMD-SHELL and a command.
func Healthcheck(test []string) ImageOption {
	return Edit(func(f *v1.ConfigFile) { f.Config.Healthcheck = &v1.HealthConfig{Test: test} })
}

// User declares the user, such as 1000 or 1000:1000.
func User(user string) ImageOption {
	return Edit(func(f *v1.ConfigFile) { f.Config.User = user })
}

// StopSignal declares the signal that ends the container.
func StopSignal(signal string) ImageOption {
	return Edit(func(f *v1.ConfigFile) { f.Config.StopSignal = signal })
}

// Platform sets the image's platform, such as linux/arm64.
func Platform(platform string) ImageOption {
	parsed := must(v1.ParsePlatform(platform))
	return Edit(func(f *v1.ConfigFile) {
		f.OS, f.Architecture, f.Variant, f.OSVersion = parsed.OS, parsed.Architecture, parsed.Variant, parsed.OSVersion
	})
}

// Marker changes the digest, and nothing else that matters.
func Marker(text string) ImageOption {
	return Edit(func(f *v1.ConfigFile) { f.Author = text })
}

// RawImage returns an image with the bytes as its config; they may be invalid.
func RawImage(config []byte, types MediaTypes) v1.Image {
	return assemble(config, types.Manifest, types.Config, static.NewLayer(emptyTar, types.Layer), nil)
}

// rawImage is an image with one layer and given bytes.
type rawImage struct {
	mediaType        types.MediaType
	config, manifest []byte
	layer            v1.Layer
}

func assemble(config []byte, manifestType, configType types.MediaType, layer v1.Layer, annotations map[string]string) v1.Image {
	digest, size, err := v1.SHA256(bytes.NewReader(config))
	if err != nil {
		panic(err) // what is in memory can be read
	}
	described := must(partial.Descriptor(layer))
	described.Annotations = annotations
	manifest := must(json.Marshal(v1.Manifest{
		SchemaVersion: 2,
		MediaType:     manifestType,
		Config:        v1.Descriptor{MediaType: configType, Digest: digest, Size: size},
		Layers:        []v1.Descriptor{*described},
	}))
	raw := &rawImage{mediaType: manifestType, config: config, manifest: manifest, layer: layer}
	return &layered{Image: must(partial.CompressedToImage(raw)), layer: layer}
}

// layered is an image that returns its layer whatever the layer's type: otherwise layers of unknown
// types would not be pushed.
type layered struct {
	v1.Image
	layer v1.Layer
}

// Layers implements v1.Image.
func (l *layered) Layers() ([]v1.Layer, error) { return []v1.Layer{l.layer}, nil }

// MediaType implements partial.CompressedImageCore.
func (i *rawImage) MediaType() (types.MediaType, error) { return i.mediaType, nil }

// RawConfigFile implements partial.CompressedImageCore.
func (i *rawImage) RawConfigFile() ([]byte, error) { return i.config, nil }

// RawManifest implements partial.CompressedImageCore.
func (i *rawImage) RawManifest() ([]byte, error) { return i.manifest, nil }

// LayerByDigest implements partial.CompressedImageCore.
func (i *rawImage) LayerByDigest(digest v1.Hash) (partial.CompressedLayer, error) {
	if own := must(i.layer.Digest()); digest != own {
		return nil, fmt.Errorf("the image has no layer %s", digest)
	}
	return i.layer, nil
}

func add(set map[string]struct{}, keys []string) map[string]struct{} {
	if set == nil {
		set = map[string]struct{}{}
	}
	for _, key := range keys {
		set[key] = struct{}{}
	}
	return set
}

// must panics on an error, which would be a mistake in a test.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
