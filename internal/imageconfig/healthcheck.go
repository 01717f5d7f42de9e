// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig

import (
	"math"
	"slices"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"
)

// Docker's defaults for HEALTHCHECK: docs.docker.com, "Dockerfile reference", HEALTHCHECK. The
// default start period is 0 and needs no constant.
const (
	defaultInterval      = 30 * time.Second
	defaultTimeout       = 30 * time.Second
	defaultStartInterval = 5 * time.Second
	defaultRetries       = 3
)

// maxPeriod limits the period of the probe, because a rollout waits up to one period for each of
// its pods. Docker's interval is meant for detecting unhealthy containers.
const maxPeriod = 5 * time.Second

// The first elements of a HEALTHCHECK test.
const (
	testNone  = "NONE"
	testExec  = "CMD"
	testShell = "CMD-SHELL"
)

// Readiness returns the probe for the HEALTHCHECK of an image for the given OS. It returns nil if
// there is none; note is set if there is a HEALTHCHECK that cannot be used.
//
// The start period has no equivalent and needs none: a pod receives no requests before its first
// success, and failures of a readiness probe do not restart it.
func Readiness(config *dockerspec.DockerOCIImageConfig, os string) (probe *corev1.Probe, note string) {
	if config == nil || config.Healthcheck == nil || len(config.Healthcheck.Test) == 0 {
		return nil, ""
	}
	check := config.Healthcheck
	word, command := check.Test[0], check.Test[1:]
	switch {
	case word == testNone:
		return nil, ""
	case word != testExec && word != testShell:
		return nil, "the image's HEALTHCHECK is of the kind " + quote(word) +
			", which neither Docker nor the operator knows: set readinessProbe"
	case len(command) == 0:
		return nil, "the image's HEALTHCHECK " + word + " has no command: set readinessProbe"
	case word == testShell:
		command = slices.Concat(shell(config, os), command)
	}
	return &corev1.Probe{
		ProbeHandler:     corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: EscapeAll(command)}},
		PeriodSeconds:    seconds(period(check)),
		TimeoutSeconds:   seconds(orDefault(check.Timeout, defaultTimeout)),
		FailureThreshold: int32(min(orDefault(check.Retries, defaultRetries), math.MaxInt32)),
	}, ""
}

// shell returns the shell for commands of the image in shell form.
func shell(config *dockerspec.DockerOCIImageConfig, os string) []string {
	switch {
	case len(config.Shell) > 0:
		return config.Shell
	case os == "windows":
		return []string{"cmd", "/S", "/C"}
	default:
		return []string{"/bin/sh", "-c"}
	}
}

// period returns the period of the probe. An image with a start period wants frequent checks at the
// start, and a Kubernetes probe has a single period, so the shorter one applies all the time.
func period(check *dockerspec.HealthcheckConfig) time.Duration {
	period := min(orDefault(check.Interval, defaultInterval), maxPeriod)
	if check.StartPeriod > 0 {
		period = min(period, orDefault(check.StartInterval, defaultStartInterval))
	}
	return period
}

// orDefault returns Docker's default if the image sets no value.
func orDefault[T int | time.Duration](value, otherwise T) T {
	if value <= 0 {
		return otherwise
	}
	return value
}

// seconds converts to seconds and rounds up, so that a check never has less time than its author
// set.
func seconds(duration time.Duration) int32 {
	whole := duration / time.Second
	if duration%time.Second > 0 {
		whole++
	}
	return int32(min(max(whole, 1), math.MaxInt32))
}
