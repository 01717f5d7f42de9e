// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// filesVolume is the name of the volume with a component's files.
const filesVolume = "appstack-files"

// Files returns the files of the spec as ConfigMaps, by the source that stands for them in the
// content: see model.FilesSource. A revision stores them like copies of ConfigMaps (R35).
func Files(spec v1alpha1.AppStackSpec) map[string]*model.ConfigMap {
	all := map[string]*model.ConfigMap{}
	add := func(component string, files []v1alpha1.File) {
		if len(files) == 0 {
			return
		}
		config := &model.ConfigMap{Data: map[string]string{}}
		for _, file := range files {
			config.Data[fileKey(file.Path)] = file.Content
		}
		all[model.FilesSource(component)] = config
	}
	add(naming.Main, spec.Files)
	for _, component := range spec.Components {
		add(component.Name, component.Files)
	}
	return all
}

// fileKey returns the key of a file in its ConfigMap: the name of the file, made unique by a hash of
// its path.
func fileKey(file string) string {
	name := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, path.Base(file))
	return name[:min(len(name), maxFileName)] + "-" + model.Hash(path.Clean(file))
}

// maxFileName is how many bytes of a file's name are in its key.
const maxFileName = 100

// fileVolumes returns the volume with the component's files; none if it has no files.
func fileVolumes(component v1alpha1.Component) []corev1.Volume {
	if len(component.Files) == 0 {
		return nil
	}
	source := &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: model.FilesSource(component.Name)}}
	for _, file := range component.Files {
		key := fileKey(file.Path)
		source.Items = append(source.Items, corev1.KeyToPath{Key: key, Path: key, Mode: ptr.To(ptr.Deref(file.Mode, defaultFileMode))})
	}
	return []corev1.Volume{{Name: filesVolume, VolumeSource: corev1.VolumeSource{ConfigMap: source}}}
}

// defaultFileMode is the mode of a file for which the spec gives none.
const defaultFileMode int32 = 0o644

// fileMounts returns the mounts of the component's files, each at its path.
func fileMounts(files []v1alpha1.File) []corev1.VolumeMount {
	var mounts []corev1.VolumeMount
	for _, file := range files {
		mounts = append(mounts, corev1.VolumeMount{Name: filesVolume, MountPath: file.Path, SubPath: fileKey(file.Path), ReadOnly: true})
	}
	return mounts
}
