// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// TestFiles checks that each file is mounted at its path with its mode, from a key that a ConfigMap
// can have, and that files of one name in two folders differ.
func TestFiles(t *testing.T) {
	files := []v1alpha1.File{
		{Path: "/etc/a/app.conf", Content: "a"}, {Path: "/etc/b/app.conf", Content: "b", Mode: ptr.To[int32](0o400)},
		{Path: "/it's ü", Content: "c"}, {Path: "/" + strings.Repeat("x", 500), Content: "d"},
	}
	stack := Stack("shop", func(s *v1alpha1.AppStack) { s.Spec.Files = files }, Component("worker", 1, nil, "work"))
	content, err := render.Draft(render.Input{Stack: stack, Defaults: render.StandardDefaults()})
	if err != nil {
		t.Fatal(err)
	}
	configs := render.Files(stack.Spec)
	config := configs[model.FilesSource("main")]
	if len(configs) != 1 || len(config.Data) != len(files) {
		t.Fatalf("R35 %d ConfigMaps, the first with %d files, want one with %d", len(configs), len(config.Data), len(files))
	}
	spec := content.Find("main").Template.Spec
	source := spec.Volumes[0].ConfigMap
	for i, file := range files {
		mount, item := spec.Containers[0].VolumeMounts[i], source.Items[i]
		if mount.MountPath != file.Path || !mount.ReadOnly || mount.SubPath != item.Path || mount.Name != spec.Volumes[0].Name {
			t.Errorf("R35 %s: mount %+v of item %+v", file.Path, mount, item)
		}
		if got, want := *item.Mode, ptr.Deref(file.Mode, 0o644); got != want {
			t.Errorf("R35 %s: mode %o, want %o", file.Path, got, want)
		}
		if got := config.Data[item.Key]; got != file.Content {
			t.Errorf("R35 %s: content %q, want %q", file.Path, got, file.Content)
		}
		if wrong := validation.IsConfigMapKey(item.Key); len(wrong) > 0 {
			t.Errorf("R35 %s: key %q: %v", file.Path, item.Key, wrong)
		}
	}
	copies := render.ConfigCopies("shop", configs)
	if wrong := validation.IsDNS1123Subdomain(copies[model.FilesSource("main")].Name); len(wrong) > 0 {
		t.Errorf("R35 the name of the copy: %v", wrong)
	}
	if worker := content.Find("worker").Template.Spec; len(worker.Volumes)+len(worker.Containers[0].VolumeMounts) > 0 {
		t.Errorf("R35 a component without files has volumes: %+v", worker.Volumes)
	}
}
