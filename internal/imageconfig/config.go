// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package imageconfig translates the config of an image, which its Dockerfile wrote, to
// Kubernetes: EXPOSE to ports, HEALTHCHECK to a readiness probe and so on. What Kubernetes
// has no equivalent for is left out, with a note to the user.
package imageconfig

import (
	"encoding/json"
	"errors"
	"fmt"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/appstack-dev/appstack/internal/model"
)

// maxConfig is how many bytes of a config are kept: a revision holds one for each component.
const maxConfig = 16 << 10

// ParseConfig reads the config blob of a Docker or OCI image. The platform is
// empty where the blob does not say it. Only what is asked for is read: an odd
// history or creation time does no harm, as little as unknown fields do.
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

// reduce is the config without what nobody asks for: it is kept in memory and with revisions.
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
