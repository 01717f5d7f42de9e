// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/appstack-dev/appstack/internal/imageconfig"
	"github.com/appstack-dev/appstack/internal/model"
)

// FuzzParseConfig parses any bytes as a config and derives everything from it: the API server must
// accept the result.
func FuzzParseConfig(f *testing.F) {
	for _, name := range fixtures(f, "testdata/configs", "") {
		raw, err := os.ReadFile(filepath.Join("testdata/configs", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for _, raw := range []string{
		"", "null", "[]", "{}", `{"os":"a b","architecture":"unknown"}`,
		`{"config":{"ExposedPorts":{"1-65535":{},"0":{},"80-79/udp":{}},"User":"\u0000:","Volumes":{"../..":{},"/a:b":{}}}}`,
		`{"config":{"Healthcheck":{"Test":["CMD-SHELL"],"Interval":-1,"Timeout":9223372036854775807,"Retries":-9223372036854775808}}}`,
		`{"os":"windows","config":{"Shell":["$("],"Healthcheck":{"Test":["CMD-SHELL","$$"],"StartPeriod":1,"StartInterval":1}}}`,
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		config, platform, err := imageconfig.ParseConfig(raw)
		if err != nil {
			if config != nil || platform != (model.Platform{}) {
				t.Errorf("R22 config %v and platform %v with an error: %v", config, platform, err)
			}
			return
		}
		if config.Env != nil || config.Labels != nil || config.OnBuild != nil {
			t.Errorf("R22 unneeded fields are kept: %+v", config)
		}
		checkPorts(t, config)
		checkReadiness(t, config, platform.OS)
		checkUser(t, imageconfig.ParseUser(config.User))
		checkPlatform(t, platform)
		checkVolumes(t, imageconfig.Volumes(config))
	})
}

// checkNote checks that the note fits into a status.
func checkNote(t *testing.T, note string) {
	t.Helper()
	if !utf8.ValidString(note) || utf8.RuneCountInString(note) > 1024 {
		t.Errorf("R22 a note that does not fit into a status: %q", note)
	}
}

func checkPorts(t *testing.T, config *dockerspec.DockerOCIImageConfig) {
	t.Helper()
	ports, note := imageconfig.Ports(config)
	checkNote(t, note)
	if again, _ := imageconfig.Ports(config); !cmp.Equal(ports, again) {
		t.Errorf("R22 different ports the second time:\n%s", cmp.Diff(ports, again))
	}
	if len(ports) > imageconfig.MaxPorts {
		t.Errorf("R22 %d ports", len(ports))
	}
	if len(config.ExposedPorts) > 0 && len(ports) == 0 && note == "" {
		t.Error("R22 no ports, and no note on the reason")
	}
	names := map[string]bool{}
	for _, port := range ports {
		if problems := validation.IsValidPortName(port.Name); len(problems) > 0 || names[port.Name] {
			t.Errorf("R22 port name %q: duplicate %t, %v", port.Name, names[port.Name], problems)
		}
		names[port.Name] = true
		if port.ContainerPort < 1 || port.ContainerPort > 65535 {
			t.Errorf("R22 port %d", port.ContainerPort)
		}
		if !slices.Contains([]corev1.Protocol{"", corev1.ProtocolUDP, corev1.ProtocolSCTP}, port.Protocol) {
			t.Errorf("R22 protocol %q", port.Protocol)
		}
	}
}

func checkReadiness(t *testing.T, config *dockerspec.DockerOCIImageConfig, os string) {
	t.Helper()
	probe, note := imageconfig.Readiness(config, os)
	checkNote(t, note)
	if probe == nil {
		return
	}
	if note != "" || probe.Exec == nil || len(probe.Exec.Command) == 0 {
		t.Fatalf("R22 a probe without a command, or with the note %q", note)
	}
	if probe.PeriodSeconds < 1 || probe.PeriodSeconds > 5 || probe.TimeoutSeconds < 1 || probe.FailureThreshold < 1 {
		t.Errorf("R22 invalid timing of the probe: %+v", probe)
	}
	test := config.Healthcheck.Test[1:]
	for i, arg := range probe.Exec.Command[len(probe.Exec.Command)-len(test):] {
		if back := expand(arg, nil); back != test[i] {
			t.Errorf("R22 the kubelet runs %q, but the image specifies %q", back, test[i])
		}
	}
}

func checkUser(t *testing.T, user imageconfig.User) {
	t.Helper()
	checkNote(t, user.Note())
	if user.Restricted() && user.Note() != "" || user.UID == nil && user.Note() == "" {
		t.Errorf("R22 user %q: restricted %t, note %q", user.Text, user.Restricted(), user.Note())
	}
	if user.UID != nil && len(validation.IsValidUserID(*user.UID)) > 0 {
		t.Errorf("R22 user %q has the UID %d", user.Text, *user.UID)
	}
}

func checkPlatform(t *testing.T, platform model.Platform) {
	t.Helper()
	affinity := imageconfig.Affinity(nil, []model.Platform{platform})
	if platform == (model.Platform{}) {
		if affinity != nil {
			t.Errorf("R22 unknown platform, but affinity %v", affinity)
		}
		return
	}
	for _, term := range affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, requirement := range term.MatchExpressions {
			if problems := validation.IsValidLabelValue(requirement.Values[0]); len(problems) > 0 || requirement.Values[0] == "" {
				t.Errorf("R22 %v of %v: %v", requirement, platform, problems)
			}
		}
	}
}

func checkVolumes(t *testing.T, volumes []string) {
	t.Helper()
	for _, volume := range volumes {
		if !filepath.IsAbs(volume) || filepath.Clean(volume) != volume || volume == "/" {
			t.Errorf("R22 volume %q", volume)
		}
	}
	made, mounts := imageconfig.Scratch(volumes, nil, nil)
	if len(made) != len(volumes) || len(mounts) != len(volumes) {
		t.Errorf("R22 %d directories for %d volumes", len(made), len(volumes))
	}
}
