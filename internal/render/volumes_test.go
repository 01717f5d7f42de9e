// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// TestVolumesOfTheImage checks that with a read-only root filesystem the app can write to the paths
// of VOLUME.
func TestVolumesOfTheImage(t *testing.T) {
	keeping := func(paths ...string) model.Image {
		return image(func(config *dockerspec.DockerOCIImageConfig) { config.Volumes = set(paths...) })
	}
	const readOnly = `"securityContext":{"readOnlyRootFilesystem":true}`
	mounted := func(name, path string) Option {
		return func(s *v1alpha1.AppStack) {
			s.Spec.Volumes = append(s.Spec.Volumes, v1alpha1.Volume{Name: name, MountPath: path, EmptyDir: &corev1.EmptyDirVolumeSource{}})
		}
	}
	const noted = " (the root filesystem is read only: an emptyDir is where nothing else is mounted)"
	type room struct {
		// Mounts are those of the app, as the name of the volume and the path.
		Mounts []string
		// Scratch are the generated volumes.
		Scratch []string
		Value   string
	}
	tests := map[string]struct {
		options []Option
		image   model.Image
		want    room
	}{
		"R22 all can be written": {nil, keeping("/data"), room{Value: "Image: /data"}},
		"R22 it says so": {
			[]Option{overApp(`"securityContext":{"readOnlyRootFilesystem":false}`)}, keeping("/data"), room{Value: "Image: /data"},
		},
		"R22 read only": {
			[]Option{overApp(readOnly)}, keeping("/data", "/cache"),
			room{
				[]string{"image-volume-0 /cache", "image-volume-1 /data"}, []string{"image-volume-0", "image-volume-1"},
				"Image: /cache, /data" + noted,
			},
		},
		"R22 read only, of whatever program": {
			[]Option{overApp(readOnly), runsCommand}, keeping("/data"),
			room{[]string{"image-volume-0 /data"}, []string{"image-volume-0"}, "Image: /data" + noted},
		},
		"R22 read only is a sidecar": {
			[]Option{PodTemplate(`{"spec":{"containers":[{"name":"side","image":"side:1",` + readOnly + `}]}}`)}, keeping("/data"),
			room{Value: "Image: /data"},
		},
		"R22 the user's at the same path": {
			[]Option{overApp(readOnly), mounted("mine", "/data/")}, keeping("/data", "/cache"),
			room{[]string{"mine /data/", "image-volume-0 /cache"}, []string{"image-volume-0"}, "Image: /cache, /data" + noted},
		},
		"R22 the user's above": {
			[]Option{overApp(readOnly), mounted("mine", "/var")}, keeping("/var/lib/app"),
			room{[]string{"mine /var"}, nil, "Image: /var/lib/app" + noted},
		},
		"R22 the user's below": {
			[]Option{overApp(readOnly), mounted("mine", "/data/logs")}, keeping("/data"),
			room{[]string{"mine /data/logs", "image-volume-0 /data"}, []string{"image-volume-0"}, "Image: /data" + noted},
		},
		"R22 the podTemplate's at the same path": {
			[]Option{PodTemplate(`{"spec":{"volumes":[{"name":"theirs","emptyDir":{}}],"containers":[{"name":"app",` + readOnly +
				`,"volumeMounts":[{"name":"theirs","mountPath":"/data"}]}]}}`)}, keeping("/data"),
			room{[]string{"theirs /data"}, nil, "Image: /data" + noted},
		},
		"R22 a name that is taken": {
			[]Option{overApp(readOnly), mounted("image-volume-0", "/mine")}, keeping("/data"),
			room{[]string{"image-volume-0 /mine", "image-volume-1 /data"}, []string{"image-volume-1"}, "Image: /data" + noted},
		},
		"R22 a sidecar's mount is another matter": {
			[]Option{PodTemplate(`{"spec":{"volumes":[{"name":"theirs","emptyDir":{}}],"containers":[{"name":"app",` + readOnly +
				`},{"name":"side","image":"side:1","volumeMounts":[{"name":"theirs","mountPath":"/data"}]}]}}`)}, keeping("/data"),
			room{[]string{"image-volume-0 /data"}, []string{"image-volume-0"}, "Image: /data" + noted},
		},
		"R22 none":      {[]Option{overApp(readOnly)}, keeping(), room{}},
		"R23 not known": {[]Option{overApp(readOnly)}, model.Image{Unresolved: &model.Unresolved{}}, room{}},
		"R22 no config": {[]Option{overApp(readOnly)}, model.Image{Digest: digest}, room{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			component := mainFrom(t, Stack("shop", test.options...), test.image)
			got := room{Value: valueOf(component, "volumes")}
			for _, mount := range component.App().VolumeMounts {
				got.Mounts = append(got.Mounts, mount.Name+" "+mount.MountPath)
			}
			before := content(t, Stack("shop", test.options...)).Components[0].Template.Spec.Volumes
			for i, volume := range component.Template.Spec.Volumes {
				if i >= len(before) && volume.EmptyDir != nil {
					got.Scratch = append(got.Scratch, volume.Name)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("volumes (-want +got):\n%s", diff)
			}
		})
	}
}
