// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
)

// configured returns content whose pods name ConfigMaps in every possible place.
func configured() model.Content {
	key := func(name, key string, optional *bool) corev1.EnvVar {
		return corev1.EnvVar{Name: key, ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key, Optional: optional,
		}}}
	}
	all := func(name string) corev1.EnvFromSource {
		return corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}}
	}
	items := []corev1.KeyToPath{{Key: "a", Path: "x"}, {Key: "b", Path: "y"}}
	volume := corev1.Volume{Name: "plain", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: "volume"}, Items: items, DefaultMode: ptr.To[int32](0o400),
	}}}
	projected := corev1.Volume{Name: "projected", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{
			{Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "secret"}}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: "projected"}, Items: items[:1], Optional: ptr.To(true),
			}},
		},
	}}}
	return model.Content{Components: []model.Component{
		{Name: "main", Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "init", EnvFrom: []corev1.EnvFromSource{all("init")}}},
			Containers: []corev1.Container{
				{Name: "app", Env: []corev1.EnvVar{{Name: "PLAIN", Value: "1"}, key("env", "LEVEL", nil)}, EnvFrom: []corev1.EnvFromSource{all("all")}},
				{Name: "sidecar", Env: []corev1.EnvVar{key("env", "MAYBE", ptr.To(true))}},
			},
			Volumes: []corev1.Volume{volume, projected, {Name: "scratch"}},
		}}},
		{Name: "worker", Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "app", EnvFrom: []corev1.EnvFromSource{all("all")}}},
		}}},
	}}
}

// TestConfigRefs shows that a reference is found in every place that can name a ConfigMap.
func TestConfigRefs(t *testing.T) {
	want := []render.ConfigRef{
		{Component: "main", Name: "all"},
		{Component: "main", Name: "env", Keys: []string{"LEVEL"}},
		{Component: "main", Name: "env", Keys: []string{"MAYBE"}, Optional: true},
		{Component: "main", Name: "init"},
		{Component: "main", Name: "volume", Keys: []string{"a", "b"}},
		{Component: "main", Name: "projected", Keys: []string{"a"}, Optional: true},
		{Component: "worker", Name: "all"},
	}
	if diff := cmp.Diff(want, render.ConfigRefs(configured())); diff != "" {
		t.Errorf("R31 references (-want +got):\n%s", diff)
	}
}

// TestConfigRefsAreComplete fails if a newer Kubernetes API names ConfigMaps in more places.
func TestConfigRefsAreComplete(t *testing.T) {
	want := []string{ // ephemeral containers cannot be in a template
		"Containers.Env.ValueFrom.ConfigMapKeyRef", "Containers.EnvFrom.ConfigMapRef",
		"EphemeralContainers.EphemeralContainerCommon.Env.ValueFrom.ConfigMapKeyRef",
		"EphemeralContainers.EphemeralContainerCommon.EnvFrom.ConfigMapRef",
		"InitContainers.Env.ValueFrom.ConfigMapKeyRef", "InitContainers.EnvFrom.ConfigMapRef",
		"Volumes.VolumeSource.ConfigMap", "Volumes.VolumeSource.Projected.Sources.ConfigMap",
	}
	got := configFields(reflect.TypeFor[corev1.PodSpec](), "")
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("R31 fields of a pod that name a ConfigMap (-want +got):\n%s", diff)
	}
}

// configFields returns the paths of the fields whose types are about ConfigMaps.
func configFields(of reflect.Type, path string) []string {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if strings.HasPrefix(of.Name(), "ConfigMap") {
		return []string{strings.TrimPrefix(path, ".")}
	}
	if of.Kind() != reflect.Struct || !strings.HasPrefix(of.PkgPath(), "k8s.io/api/core/") {
		return nil
	}
	var all []string
	for field := range of.Fields() {
		all = append(all, configFields(field.Type, path+"."+field.Name)...)
	}
	return all
}

// TestWithConfig shows that templates name the copies, and copies of later content after that.
func TestWithConfig(t *testing.T) {
	sources := map[string]*model.ConfigMap{
		"all": {Data: map[string]string{"A": "1"}}, "env": {Data: map[string]string{"LEVEL": "info"}},
		"volume": {BinaryData: map[string][]byte{"a": {0xff}}}, "projected": nil, "unused": {},
	}
	before := configured()
	first := render.WithConfig(before, render.ConfigCopies("shop", sources))
	if diff := cmp.Diff(configured(), before); diff != "" {
		t.Fatalf("R31 the given content changed (-want +got):\n%s", diff)
	}
	want := map[string]bool{"init": true} // it has no copy
	for _, copied := range first.Config {
		want[copied.Name] = true
	}
	if len(first.Config) != 4 || first.Config[2].Source != "projected" || first.Config[2].Hash != model.AbsentHash {
		t.Errorf("R31 copies %+v, want those of all, env, projected (absent) and volume", first.Config)
	}
	for _, ref := range render.ConfigRefs(first) {
		if !want[ref.Name] {
			t.Errorf("R31 component %s names %s, want a copy", ref.Component, ref.Name)
		}
	}
	if got := render.WithConfig(before, render.ConfigCopies("shop", sources)); got.Hash() != first.Hash() {
		t.Error("R31 the same content has other copies")
	}

	sources["all"] = &model.ConfigMap{Data: map[string]string{"A": "2"}}
	second := render.WithConfig(first, render.ConfigCopies("shop", sources))
	if second.Hash() == first.Hash() {
		t.Error("R32 a changed ConfigMap leads to the same content")
	}
	if diff := cmp.Diff(first.Config[1:], second.Config[1:]); diff != "" || second.Config[0].Name == first.Config[0].Name {
		t.Errorf("R32 want another copy of all only (-first +second):\n%s", diff)
	}
	sources["all"] = &model.ConfigMap{Data: map[string]string{"A": "1"}}
	if third := render.WithConfig(second, render.ConfigCopies("shop", sources)); third.Hash() != first.Hash() {
		t.Error("R34 a ConfigMap put back leads to other content than before")
	}
	if live := render.WithConfig(second, nil); live.Hash() != configured().Hash() {
		t.Error("R31 without copies the templates do not name the sources again")
	}
}

// TestMissingConfig shows which ConfigMaps and keys have to exist before a release starts.
func TestMissingConfig(t *testing.T) {
	there := &model.ConfigMap{Data: map[string]string{"a": ""}, BinaryData: map[string][]byte{"b": nil}}
	tests := map[string]struct {
		ref   render.ConfigRef
		found *model.ConfigMap
		want  string
	}{
		"R33 nothing of it":         {render.ConfigRef{Name: "web"}, nil, `ConfigMap "web" does not exist`},
		"R33 nothing, optional":     {render.ConfigRef{Name: "web", Keys: []string{"a"}, Optional: true}, nil, ""},
		"R33 all of it":             {render.ConfigRef{Name: "web"}, there, ""},
		"R33 its keys":              {render.ConfigRef{Name: "web", Keys: []string{"a", "b"}}, there, ""},
		"R33 another key":           {render.ConfigRef{Name: "web", Keys: []string{"a", "c"}}, there, `ConfigMap "web" has no key "c"`},
		"R33 another key, optional": {render.ConfigRef{Name: "web", Keys: []string{"c"}, Optional: true}, there, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.ref.Missing(test.found); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestNamesOfConfigCopies shows that the name of a copy is valid, and no other stack's or
// ConfigMap's, however long the names are.
func TestNamesOfConfigCopies(t *testing.T) {
	long := strings.Repeat("a", 189) + "." + strings.Repeat("b", 63)
	seen := map[string]string{}
	for _, of := range [][2]string{
		{"shop", "web"}, {"shop-web", "config"}, {"shop", "web-config"}, {"shop", "web.config"},
		{strings.Repeat("s", 63), long}, {strings.Repeat("s", 63), long[:len(long)-1]}, {"shop", long}, {"s", long},
	} {
		copies := render.ConfigCopies(of[0], map[string]*model.ConfigMap{of[1]: {Data: map[string]string{"same": "content"}}})
		name := copies[of[1]].Name
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			t.Errorf("R31 the copy of %v is named %s: %v", of, name, problems)
		}
		if !strings.HasPrefix(name, of[0]+"-"+of[1][:3]) {
			t.Errorf("R31 the copy of %v is named %s", of, name)
		}
		if other, taken := seen[name]; taken {
			t.Errorf("R31 the copies of %v and %s are both named %s", of, other, name)
		}
		seen[name] = strings.Join(of[:], " ")
	}
	dotted := strings.Repeat("a", 171) + "." + strings.Repeat("b", 81)
	if got := naming.ConfigCopy(strings.Repeat("s", 63), dotted, "0123456789abcdef"); len(got) != 252 {
		t.Errorf("R31 got %s, want it without the dot before the hash", got)
	}
}
