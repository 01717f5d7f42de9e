// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"math"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/internal/imageconfig"
)

// readiness converts the healthcheck, in the same way as the operator converts an image's
// HEALTHCHECK.
func (c *converter) readiness(s *service) *corev1.Probe {
	check := s.HealthCheck
	if check == nil {
		return nil
	}
	words := check.Test
	switch {
	case check.Disable, len(words) > 0 && words[0] == "NONE":
		c.note(s, "healthcheck", "no check is carried over, and AppStack takes the image's HEALTHCHECK or checks the first TCP port: "+
			"to have none at all, set podTemplate: {spec: {containers: [{name: app, readinessProbe: null}]}}")
		return nil
	case len(words) == 0:
		c.note(s, "healthcheck", "without a test it changes the times of the image's HEALTHCHECK: write the whole check in readinessProbe")
		return nil
	case len(words) == 1:
		c.note(s, "healthcheck.test", "it has no command: set readinessProbe")
		return nil
	}
	config := &dockerspec.DockerOCIImageConfig{}
	config.Healthcheck = &dockerspec.HealthcheckConfig{
		Test: words, Interval: duration(check.Interval), Timeout: duration(check.Timeout), StartPeriod: duration(check.StartPeriod),
		StartInterval: duration(check.StartInterval), Retries: retries(check.Retries),
	}
	probe, problem := imageconfig.Readiness(config, "linux")
	if problem != "" {
		c.note(s, "healthcheck", "it is not carried over: set readinessProbe")
	}
	return probe
}

func duration(given *types.Duration) time.Duration {
	if given == nil {
		return 0
	}
	return time.Duration(*given)
}

func retries(given *uint64) int {
	if given == nil {
		return 0
	}
	return int(min(*given, math.MaxInt32))
}

// seconds returns the duration in seconds, rounded up so that it never gets shorter.
func seconds(duration time.Duration) int64 {
	whole := int64(duration / time.Second)
	if duration%time.Second > 0 {
		whole++
	}
	return whole
}
