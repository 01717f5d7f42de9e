// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/appstack-dev/appstack/internal/imageconfig"
	"github.com/appstack-dev/appstack/internal/model"
)

// config returns a sample config with one change.
func config(change func(*dockerspec.DockerOCIImageConfig)) *dockerspec.DockerOCIImageConfig {
	out := &dockerspec.DockerOCIImageConfig{}
	change(out)
	return out
}

func set(keys ...string) map[string]struct{} {
	out := map[string]struct{}{}
	for _, key := range keys {
		out[key] = struct{}{}
	}
	return out
}

func TestParseConfig(t *testing.T) {
	linux := model.Platform{OS: "linux", Architecture: "amd64"}
	empty := &dockerspec.DockerOCIImageConfig{}
	tests := map[string]struct {
		raw      string
		want     *dockerspec.DockerOCIImageConfig
		platform model.Platform
	}{
		"R22 only the values that are used are kept": {
			raw: `{"architecture":"amd64","os":"linux","config":{"User":"app","ExposedPorts":{"80/tcp":{}},"Volumes":{"/data":{}},
				"Entrypoint":["/run"],"Cmd":["serve"],"WorkingDir":"/srv","StopSignal":"SIGQUIT","Shell":["/bin/bash","-c"],
				"Healthcheck":{"Test":["CMD","/check"],"Interval":60000000000,"StartInterval":1,"Retries":2},
				"Env":["A=b"],"Labels":{"a":"b"},"OnBuild":["RUN true"]}}`,
			platform: linux,
			want: &dockerspec.DockerOCIImageConfig{
				ImageConfig: ocispec.ImageConfig{
					User: "app", ExposedPorts: set("80/tcp"), Volumes: set("/data"), StopSignal: "SIGQUIT",
				},
				DockerOCIImageConfigExt: dockerspec.DockerOCIImageConfigExt{
					Shell: []string{"/bin/bash", "-c"},
					Healthcheck: &dockerspec.HealthcheckConfig{
						Test: []string{"CMD", "/check"}, Interval: time.Minute, StartInterval: 1, Retries: 2,
					},
				},
			},
		},
		"R22 keys in another case, and fields that are not known": {
			raw:      `{"Architecture":"amd64","OS":"linux","x":1,"config":{"user":"1","Hostname":"","x":[]},"container_config":{"User":"2"}}`,
			platform: linux,
			want:     config(func(c *dockerspec.DockerOCIImageConfig) { c.User = "1" }),
		},
		"R22 a creation time and a history, which are ignored": {
			raw: `{"architecture":"amd64","os":"linux","created":"yesterday","history":7,"rootfs":null}`, platform: linux, want: empty,
		},
		"R22 nulls":              {raw: `{"architecture":null,"os":"linux","config":null}`, want: empty},
		"R22 an empty object":    {raw: `{}`, want: empty},
		"R22 no architecture":    {raw: `{"os":"linux"}`, want: empty},
		"R22 an unknown OS":      {raw: `{"architecture":"amd64","os":"unknown"}`, want: empty},
		"R22 an attestation":     {raw: `{"architecture":"unknown","os":"unknown","config":{}}`, want: empty},
		"R22 no label of a node": {raw: `{"architecture":"amd 64","os":"linux"}`, want: empty},
		"R22 the architecture by its other name": {
			raw: `{"architecture":"aarch64","os":"Linux"}`, want: empty, platform: model.Platform{OS: "linux", Architecture: "arm64"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, platform, err := imageconfig.ParseConfig([]byte(test.raw))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
			if platform != test.platform {
				t.Errorf("platform is %v, want %v", platform, test.platform)
			}
		})
	}
}

func TestParseConfigRefuses(t *testing.T) {
	tests := map[string]string{
		"R22 nothing":                    "",
		"R22 null":                       "null",
		"R22 a list":                     "[]",
		"R22 a text":                     `"config"`,
		"R22 a page":                     "<html>",
		"R22 a part":                     `{"os":"linux"`,
		"R22 more than one":              `{}{}`,
		"R22 a field of another type":    `{"config":{"ExposedPorts":["80/tcp"]}}`,
		"R22 a duration in words":        `{"config":{"Healthcheck":{"Interval":"30s"}}}`,
		"R22 lists in lists without end": `{"x":` + strings.Repeat("[", 100_000),
	}
	for name, raw := range tests {
		t.Run(name, func(t *testing.T) {
			got, platform, err := imageconfig.ParseConfig([]byte(raw))
			if err == nil || got != nil || platform != (model.Platform{}) {
				t.Errorf("%v on %v, error %v; want an error alone", got, platform, err)
			}
		})
	}
}

// TestParseConfigIsBounded checks that no image can make a revision large.
func TestParseConfigIsBounded(t *testing.T) {
	long := strings.Repeat("x", 20<<10)
	for name, raw := range map[string]string{
		"R22 a long check":  `{"config":{"Healthcheck":{"Test":["CMD","` + long + `"]}}}`,
		"R22 a long user":   `{"config":{"User":"` + long + `"}}`,
		"R22 a long volume": `{"config":{"Volumes":{"/` + long + `":{}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if config, _, err := imageconfig.ParseConfig([]byte(raw)); err == nil {
				t.Errorf("parsed without an error, with %d bytes of a user", len(config.User))
			}
		})
	}
	if _, _, err := imageconfig.ParseConfig([]byte(`{"config":{"Labels":{"a":"` + long + `"}}}`)); err != nil {
		t.Errorf("R22 labels, which are dropped: %v", err)
	}
}
