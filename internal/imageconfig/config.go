// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package imageconfig translates the config of an image, as set in its Dockerfile, to Kubernetes:
// EXPOSE to ports, HEALTHCHECK to a readiness probe and so on. Settings without an equivalent in
// Kubernetes are omitted, with a note to the user.
package imageconfig

import (
	"encoding/json"
	"errors"
	"fmt"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/appstack-dev/appstack/internal/model"
)

// maxConfig limits the reduced config, in bytes of JSON: a revision stores one for each component.
const maxConfig = 16 << 10

// ParseConfig parses the config blob of a Docker or OCI image. The platform is empty if the blob
// does not name it. Only the needed fields are decoded, so that an invalid history or creation time
// causes no error. It returns an error for invalid JSON, for null, and for a config that is too
// large.
func ParseConfig(raw []byte) (*dockerspec.DockerOCIImageConfig, model.Platform, error) {
	var image *struct {
		OS           string                          `json:"os"`
		Architecture string                          `json:"architecture"`
		Config       dockerspec.DockerOCIImageConfig `json:"config"`
	}
	if err := json.Unmarshal(raw, &image); err != nil {
		return nil, model.Platform{}, fmt.Errorf("reading the config of the image: %w", err)
	}
	if image == nil {
		return nil, model.Platform{}, errors.New("reading the config of the image: it is null")
	}
	config := reduce(image.Config)
	if kept, err := json.Marshal(config); err != nil || len(kept) > maxConfig {
		return nil, model.Platform{}, fmt.Errorf("reading the config of the image: more than %d bytes of it matter", maxConfig)
	}
	platform, _ := normalize(model.Platform{OS: image.OS, Architecture: image.Architecture})
	return config, platform, nil
}

// reduce returns the config without unused fields, because it is kept in memory and stored in
// revisions.
func reduce(config dockerspec.DockerOCIImageConfig) *dockerspec.DockerOCIImageConfig {
	reduced := &dockerspec.DockerOCIImageConfig{}
	reduced.User = config.User
	reduced.ExposedPorts = config.ExposedPorts
	reduced.Volumes = config.Volumes
	reduced.StopSignal = config.StopSignal
	reduced.Healthcheck = config.Healthcheck
	reduced.Shell = config.Shell
	return reduced
}
