// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model_test

import (
	"testing"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// BenchmarkHashes measures the hashes computed in a reconcile.
func BenchmarkHashes(b *testing.B) {
	stack := Stack("shop", Component("worker", 2, nil, "work"))
	content, err := render.Content(render.Input{Stack: stack, Defaults: render.StandardDefaults()})
	if err != nil {
		b.Fatal(err)
	}
	deployment := render.Deployment(stack, model.Desired{Component: content.Components[0], Revision: 1})
	for _, of := range []struct {
		name string
		hash func() string
	}{
		{"Deployment", func() string { return model.Hash(deployment) }},
		{"Fingerprint", func() string { return Fingerprint(deployment) }},
		{"Content", content.Hash},
		{"Template", func() string { return model.TemplateHash(deployment.Spec.Template) }},
	} {
		b.Run(of.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				of.hash()
			}
		})
	}
}
