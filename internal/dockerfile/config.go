// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package dockerfile says what an image's Dockerfile says, in the terms of
// Kubernetes: EXPOSE as ports, HEALTHCHECK as a readiness probe and so on. What
// has no such term is left out, with a note for the person who wonders.
package dockerfile

import (
	"encoding/json"
	"errors"
	"fmt"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/appstack-dev/appstack/internal/model"
)

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
	config := &image.Config
	config.Env, config.Labels, config.OnBuild = nil, nil, nil // configs are kept in memory, and nobody asks for these
	platform, _ := normalize(model.Platform{OS: image.OS, Architecture: image.Architecture})
	return config, platform, nil
}
