// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig

import (
	"fmt"
	"path"
	"slices"
	"strings"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"
)

// Volumes are the paths that VOLUME names and that Kubernetes can mount at, sorted:
// absolute, without a ':', and not all of the root. Paths of Windows, such as
// C:\data, are not among them.
func Volumes(config *dockerspec.DockerOCIImageConfig) []string {
	if config == nil {
		return nil
	}
	var paths []string
	for volume := range config.Volumes {
		clean := path.Clean(volume)
		if path.IsAbs(clean) && clean != "/" && !strings.Contains(clean, ":") {
			paths = append(paths, clean)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// Scratch makes an empty directory for each of the image's volumes, besides the
// volumes that are taken. Where something is mounted at a path or above it,
// that is the user's choice, and an empty directory would hide a part of it.
func Scratch(volumes []string, mounts []corev1.VolumeMount, taken []corev1.Volume) ([]corev1.Volume, []corev1.VolumeMount) {
	var made []corev1.Volume
	var mounted []corev1.VolumeMount
	next := 0
	for _, volume := range volumes {
		if slices.ContainsFunc(mounts, func(m corev1.VolumeMount) bool { return covers(m.MountPath, volume) }) {
			continue
		}
		name := scratchName(next)
		for slices.ContainsFunc(taken, func(v corev1.Volume) bool { return v.Name == name }) {
			next++
			name = scratchName(next)
		}
		next++
		made = append(made, corev1.Volume{
			Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
		})
		mounted = append(mounted, corev1.VolumeMount{Name: name, MountPath: volume})
	}
	return made, mounted
}

func scratchName(number int) string { return fmt.Sprintf("image-volume-%d", number) }

// covers says whether the volume is at the mount path, or below. The kubelet
// takes a relative mount path as one from the root.
func covers(mountPath, volume string) bool {
	mount, volume := path.Clean("/"+mountPath), path.Clean("/"+volume)
	return mount == volume || strings.HasPrefix(volume, strings.TrimSuffix(mount, "/")+"/")
}
