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

// Volumes returns the paths named by VOLUME at which Kubernetes can mount volumes, sorted: absolute
// paths without a ':', except the root. Windows paths such as C:\data are not included.
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

// Scratch returns an emptyDir and a mount for each of the image's volumes, with names that are not
// taken. It skips paths at or below an existing mount, because that is the user's choice, and an
// emptyDir would hide a part of it.
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

// covers reports whether the volume is at or below the mount path. The kubelet resolves a relative
// mount path from the root.
func covers(mountPath, volume string) bool {
	mount, volume := path.Clean("/"+mountPath), path.Clean("/"+volume)
	return mount == volume || strings.HasPrefix(volume, strings.TrimSuffix(mount, "/")+"/")
}
