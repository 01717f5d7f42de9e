// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// content returns a small content, changed by edit.
func content(edit func(*model.Component)) model.Content {
	component := model.Component{
		Name:     "main",
		Selector: map[string]string{"app": "shop"},
		Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "app", Image: "my-app:1@sha256:one"}},
		}},
		Service: &model.Service{Type: corev1.ServiceTypeClusterIP, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}
	edit(&component)
	return model.Content{Components: []model.Component{component}}
}

func TestContentHash(t *testing.T) {
	provenance := model.Provenance{
		Values:   []v1alpha1.ImageValue{{Name: "ports", Value: "80/TCP", Source: v1alpha1.ImageValueSourceImage}},
		Resolved: true,
	}
	tests := map[string]struct {
		edit func(*model.Component)
		same bool
	}{
		"R3 where values came from":         {func(c *model.Component) { c.Provenance = provenance }, true},
		"R3 why an image runs as written":   {func(c *model.Component) { c.Provenance.Unresolved = &model.Unresolved{Reason: "NotFound"} }, true},
		"R21 the digest":                    {func(c *model.Component) { c.App().Image = "my-app:1@sha256:two" }, false},
		"R21 the tag in front of it":        {func(c *model.Component) { c.App().Image = "my-app:2@sha256:one" }, false},
		"R21 no digest":                     {func(c *model.Component) { c.App().Image = "my-app:1" }, false},
		"R21 when the image is pulled":      {func(c *model.Component) { c.App().ImagePullPolicy = corev1.PullAlways }, false},
		"R22 a port of the Service":         {func(c *model.Component) { c.Service.Ports[0].Port = 81 }, false},
		"R22 no Service":                    {func(c *model.Component) { c.Service = nil }, false},
		"R26 the labels that select pods":   {func(c *model.Component) { c.Selector = map[string]string{"app": "other"} }, false},
		"R16a the stamp of another restart": {func(c *model.Component) { c.Template.Annotations = map[string]string{"a": "b"} }, false},
	}
	want := content(func(*model.Component) {}).Hash()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := content(test.edit).Hash(); (got == want) != test.same {
				t.Errorf("same hash: %t, want %t", got == want, test.same)
			}
		})
	}
}

// TestContentHashIsStable fails if a hash changes that is recorded in production: the same content
// would get a new revision number.
func TestContentHashIsStable(t *testing.T) {
	if got, want := content(func(*model.Component) {}).Hash(), "5223ccb0c5a9d71e"; got != want {
		t.Errorf("R3 the hash is %s, want %s", got, want)
	}
}

// TestHashingLeavesTheContentAlone checks that hashing keeps the provenance of the content.
func TestHashingLeavesTheContentAlone(t *testing.T) {
	hashed := content(func(c *model.Component) { c.Provenance.Resolved = true })
	hashed.Hash()
	if !hashed.Components[0].Provenance.Resolved {
		t.Error("R22 its provenance is gone")
	}
}

// TestContentOfEarlierVersions checks that a component without provenance is stored as before
// provenance existed.
func TestContentOfEarlierVersions(t *testing.T) {
	stored, err := json.Marshal(model.Component{Name: "main"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"main","selector":null,"template":{"metadata":{},"spec":{"containers":null}}}`
	if diff := cmp.Diff(want, string(stored)); diff != "" {
		t.Errorf("R2 stored (-want +got):\n%s", diff)
	}
	var read model.Component
	if err := json.Unmarshal(stored, &read); err != nil || !cmp.Equal(read.Provenance, model.Provenance{}) {
		t.Errorf("R2 read: %+v, error %v", read.Provenance, err)
	}
}
