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

// What Docker takes where HEALTHCHECK says nothing: docs.docker.com, "Dockerfile
// reference", HEALTHCHECK. The start period is 0, which is what it is anyway.
const (
	defaultInterval      = 30 * time.Second
	defaultTimeout       = 30 * time.Second
	defaultStartInterval = 5 * time.Second
	defaultRetries       = 3
)

// maxPeriod is how long a pod waits at most for its next check: a rollout waits
// as long for each of its pods. Docker's interval is about the ill ones.
const maxPeriod = 5 * time.Second

// First words of a test.
const (
	testNone  = "NONE"
	testExec  = "CMD"
	testShell = "CMD-SHELL"
)

// Readiness is the check that HEALTHCHECK describes, of an image for the OS. It
// is nil where there is none; the note says why, where there was to be one.
//
// The start period has no counterpart and needs none: before its first success
// a pod gets no requests, and failures cost nothing.
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

// shell is what runs commands of the image that are one line.
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

// period is the time from one check to the next. Who gave a start period wants
// checks that often at the start, and Kubernetes has one period for all the time.
func period(check *dockerspec.HealthcheckConfig) time.Duration {
	period := min(orDefault(check.Interval, defaultInterval), maxPeriod)
	if check.StartPeriod > 0 {
		period = min(period, orDefault(check.StartInterval, defaultStartInterval))
	}
	return period
}

// orDefault takes Docker's default where the image has no value.
func orDefault[T int | time.Duration](value, otherwise T) T {
	if value <= 0 {
		return otherwise
	}
	return value
}

// seconds rounds up: a check is given no less time than its author gave it.
func seconds(duration time.Duration) int32 {
	whole := duration / time.Second
	if duration%time.Second > 0 {
		whole++
	}
	return int32(min(max(whole, 1), math.MaxInt32))
}
