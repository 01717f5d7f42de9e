// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/imageconfig"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/test/golden"
)

// rendered is everything derived from an image's config.
type rendered struct {
	Ports          []v1alpha1.Port      `json:"ports,omitempty"`
	ReadinessProbe *corev1.Probe        `json:"readinessProbe,omitempty"`
	User           *user                `json:"user,omitempty"`
	Volumes        []string             `json:"volumes,omitempty"`
	StopSignal     string               `json:"stopSignal,omitempty"`
	NodeAffinity   *corev1.NodeAffinity `json:"nodeAffinity,omitempty"`
	Notes          []string             `json:"notes,omitempty"`
}

type user struct {
	Text         string `json:"text"`
	UID          *int64 `json:"uid,omitempty"`
	RunAsNonRoot bool   `json:"runAsNonRoot"`
}

// render derives everything from the image's config.
func render(t *testing.T, raw []byte) rendered {
	t.Helper()
	config, platform, err := imageconfig.ParseConfig(raw)
	if err != nil {
		t.Fatal(err)
	}
	ports, portsNote := imageconfig.Ports(config)
	probe, probeNote := imageconfig.Readiness(config, platform.OS)
	out := rendered{
		Ports: ports, ReadinessProbe: probe, Volumes: imageconfig.Volumes(config), StopSignal: config.StopSignal,
		NodeAffinity: imageconfig.Affinity(nil, []model.Platform{platform}).NodeAffinity,
	}
	notes := []string{portsNote, probeNote}
	if platform.OS != "windows" { // Windows has neither UIDs nor root
		parsed := imageconfig.ParseUser(config.User)
		out.User = &user{Text: parsed.Text, UID: parsed.UID, RunAsNonRoot: parsed.Restricted()}
		notes = append(notes, parsed.Note())
	}
	for _, note := range notes {
		if note != "" {
			out.Notes = append(out.Notes, note)
		}
	}
	return out
}

// TestGolden checks the output for widely used images. Their configs are real, with rootfs and
// history shortened. A careful reviewer should find nothing to change.
func TestGolden(t *testing.T) {
	names := fixtures(t, "testdata/configs", ".json")
	for _, name := range names {
		t.Run("R22 "+name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("testdata/configs", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := yaml.Marshal(render(t, raw))
			if err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, filepath.Join("testdata/golden", name+".yaml"), string(got))
		})
	}
	if diff := cmp.Diff(names, fixtures(t, "testdata/golden", ".yaml")); diff != "" {
		t.Errorf("R22 golden files (-expected +present):\n%s", diff)
	}
}

// fixtures returns the base names of the files in the folder.
func fixtures(tb testing.TB, folder, suffix string) []string {
	tb.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, strings.TrimSuffix(entry.Name(), suffix))
	}
	return names
}
