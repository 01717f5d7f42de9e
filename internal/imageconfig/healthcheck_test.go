// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/internal/imageconfig"
)

func checking(check dockerspec.HealthcheckConfig) *dockerspec.DockerOCIImageConfig {
	return config(func(c *dockerspec.DockerOCIImageConfig) { c.Healthcheck = &check })
}

func healthcheck(words ...string) *dockerspec.DockerOCIImageConfig {
	return checking(dockerspec.HealthcheckConfig{Test: words})
}

// exec returns the probe of a health check that only sets its command.
func exec(command ...string) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: command}},
		PeriodSeconds: 5, TimeoutSeconds: 30, FailureThreshold: 3,
	}
}

func TestReadiness(t *testing.T) {
	powershell := healthcheck("CMD-SHELL", "exit 0")
	powershell.Shell = []string{"powershell", "-Command"}
	tests := map[string]struct {
		config *dockerspec.DockerOCIImageConfig
		os     string
		want   *corev1.Probe
		note   string
	}{
		"R22 no config":                       {},
		"R22 no HEALTHCHECK":                  {config: config(func(*dockerspec.DockerOCIImageConfig) {})},
		"R22 options without a command":       {config: checking(dockerspec.HealthcheckConfig{Retries: 1})},
		"R22 HEALTHCHECK NONE":                {config: healthcheck("NONE")},
		"R22 HEALTHCHECK NONE with a command": {config: healthcheck("NONE", "/check")},
		"R22 the exec form":                   {config: healthcheck("CMD", "/check", "--quick"), want: exec("/check", "--quick")},
		"R22 the exec form on Windows":        {config: healthcheck("CMD", `C:\check.exe`), os: "windows", want: exec(`C:\check.exe`)},
		"R22 the shell form": {
			config: healthcheck("CMD-SHELL", "curl -f localhost || exit 1"), os: "linux",
			want: exec("/bin/sh", "-c", "curl -f localhost || exit 1"),
		},
		"R22 the shell form, and the OS is not known": {config: healthcheck("CMD-SHELL", "true"), want: exec("/bin/sh", "-c", "true")},
		"R22 the shell form on Windows": {
			config: healthcheck("CMD-SHELL", "exit 0"), os: "windows", want: exec("cmd", "/S", "/C", "exit 0"),
		},
		"R22 SHELL": {config: powershell, os: "windows", want: exec("powershell", "-Command", "exit 0")},
		"R22 a word that Docker does not know": {
			config: healthcheck("cmd", "/check"),
			note:   `the image's HEALTHCHECK is of the kind "cmd", which neither Docker nor the operator knows: set readinessProbe`,
		},
		"R22 CMD without a command": {
			config: healthcheck("CMD"), note: "the image's HEALTHCHECK CMD has no command: set readinessProbe",
		},
		"R22 CMD-SHELL without a command": {
			config: healthcheck("CMD-SHELL"), note: "the image's HEALTHCHECK CMD-SHELL has no command: set readinessProbe",
		},
		"R22 variables that the kubelet would expand are escaped": {
			config: healthcheck("CMD-SHELL", `test "$(id -u)" = "$USER_ID" -a $$ -gt 1`),
			want:   exec("/bin/sh", "-c", `test "$$(id -u)" = "$USER_ID" -a $$$ -gt 1`),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, note := imageconfig.Readiness(test.config, test.os)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("probe (-want +got):\n%s", diff)
			}
			if note != test.note {
				t.Errorf("note is\n%s, want\n%s", note, test.note)
			}
		})
	}
}

func TestReadinessTimes(t *testing.T) {
	type times struct{ period, timeout, failures int32 }
	tests := map[string]struct {
		check dockerspec.HealthcheckConfig
		want  times
	}{
		"R22 Docker's defaults": {want: times{5, 30, 3}},
		"R22 negative values mean the default of Docker": {
			check: dockerspec.HealthcheckConfig{Interval: -1, Timeout: -time.Second, StartPeriod: -1, StartInterval: -1, Retries: -1},
			want:  times{5, 30, 3},
		},
		"R22 a long interval is shortened, and the rest stays": {
			check: dockerspec.HealthcheckConfig{Interval: time.Hour, Timeout: 10 * time.Second, Retries: 5}, want: times{5, 10, 5},
		},
		"R22 a short interval stays": {check: dockerspec.HealthcheckConfig{Interval: 2 * time.Second}, want: times{2, 30, 3}},
		"R22 parts of seconds are rounded up": {
			check: dockerspec.HealthcheckConfig{Interval: 1100 * time.Millisecond, Timeout: time.Millisecond}, want: times{2, 1, 3},
		},
		"R22 a start interval without a start period is ignored": {
			check: dockerspec.HealthcheckConfig{StartInterval: time.Second}, want: times{5, 30, 3},
		},
		"R22 a start interval": {
			check: dockerspec.HealthcheckConfig{StartPeriod: time.Minute, StartInterval: time.Second}, want: times{1, 30, 3},
		},
		"R22 a start interval longer than the interval": {
			check: dockerspec.HealthcheckConfig{Interval: 3 * time.Second, StartPeriod: time.Minute, StartInterval: 4 * time.Second},
			want:  times{3, 30, 3},
		},
		"R22 a start period alone": {check: dockerspec.HealthcheckConfig{StartPeriod: time.Minute}, want: times{5, 30, 3}},
		"R22 more than the API allows": {
			check: dockerspec.HealthcheckConfig{Interval: math.MaxInt64, Timeout: math.MaxInt64, Retries: math.MaxInt},
			want:  times{5, math.MaxInt32, math.MaxInt32},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.check.Test = []string{"CMD", "/check"}
			probe, _ := imageconfig.Readiness(checking(test.check), "linux")
			want := exec("/check")
			want.PeriodSeconds, want.TimeoutSeconds, want.FailureThreshold = test.want.period, test.want.timeout, test.want.failures
			if diff := cmp.Diff(want, probe); diff != "" {
				t.Errorf("probe (-want +got):\n%s", diff)
			}
		})
	}
}
