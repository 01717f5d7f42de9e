// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/internal/imageconfig"
)

func TestVolumes(t *testing.T) {
	tests := map[string]struct{ volumes, want []string }{
		"R22 none":                                      {nil, nil},
		"R22 sorted":                                    {[]string{"/var/lib/b", "/a"}, []string{"/a", "/var/lib/b"}},
		"R22 cleaned, without duplicates":               {[]string{"/data/", "//data", "/data", "/x/../data/."}, []string{"/data"}},
		"R22 one below the other":                       {[]string{"/data/logs", "/data"}, []string{"/data", "/data/logs"}},
		"R22 relative paths are left out":               {[]string{"data", "./data", "../data", ""}, nil},
		"R22 the root is left out":                      {[]string{"/", "//", "/..", "/a/.."}, nil},
		"R22 paths that cannot be mounted are left out": {[]string{"/data:ro", "/data"}, []string{"/data"}},
		"R22 Windows paths are left out":                {[]string{`C:\data`, `c:/data`, `\data`}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := imageconfig.Volumes(config(func(c *dockerspec.DockerOCIImageConfig) { c.Volumes = set(test.volumes...) }))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("volumes (-want +got):\n%s", diff)
			}
		})
	}
	if got := imageconfig.Volumes(nil); got != nil {
		t.Errorf("R22 a nil config has volumes %q", got)
	}
}

func TestScratch(t *testing.T) {
	at := func(pairs ...string) []corev1.VolumeMount {
		var out []corev1.VolumeMount
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, corev1.VolumeMount{Name: pairs[i], MountPath: pairs[i+1]})
		}
		return out
	}
	tests := map[string]struct {
		volumes []string
		mounts  []corev1.VolumeMount
		taken   []string
		want    []corev1.VolumeMount
	}{
		"R22 none": {},
		"R22 numbered": {
			volumes: []string{"/a", "/b"}, want: at("image-volume-0", "/a", "image-volume-1", "/b"),
		},
		"R22 used names are skipped": {
			volumes: []string{"/a", "/b"}, taken: []string{"data", "image-volume-2", "image-volume-0"},
			want: at("image-volume-1", "/a", "image-volume-3", "/b"),
		},
		"R22 mounted paths stay": {
			volumes: []string{"/a", "/b"}, mounts: at("data", "/a"), taken: []string{"data"}, want: at("image-volume-0", "/b"),
		},
		"R22 paths below a mount stay":           {volumes: []string{"/a/b/c"}, mounts: at("data", "/a")},
		"R22 mounts are compared as clean paths": {volumes: []string{"/a", "/b/c"}, mounts: at("x", "/a/", "y", "b/./")},
		"R22 a mount at the root":                {volumes: []string{"/a"}, mounts: at("data", "/")},
		"R22 a mount does not cover its parent": {
			volumes: []string{"/a"}, mounts: at("data", "/a/b"), want: at("image-volume-0", "/a"),
		},
		"R22 a path with the same prefix is another path": {
			volumes: []string{"/data-2"}, mounts: at("data", "/data"), want: at("image-volume-0", "/data-2"),
		},
		"R22 a Windows path covers no other path": {
			volumes: []string{"/data"}, mounts: at("data", `C:\data`), want: at("image-volume-0", "/data"),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var taken, want []corev1.Volume
			for _, name := range test.taken {
				taken = append(taken, corev1.Volume{Name: name})
			}
			for _, mount := range test.want {
				want = append(want, corev1.Volume{
					Name: mount.Name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
				})
			}
			volumes, mounts := imageconfig.Scratch(test.volumes, test.mounts, taken)
			if diff := cmp.Diff(want, volumes); diff != "" {
				t.Errorf("volumes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, mounts); diff != "" {
				t.Errorf("mounts (-want +got):\n%s", diff)
			}
		})
	}
}
