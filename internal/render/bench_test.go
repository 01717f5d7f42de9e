// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"testing"

	"github.com/appstack-dev/appstack/internal/render"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// BenchmarkContent measures rendering a revision.
func BenchmarkContent(b *testing.B) {
	for _, size := range []struct {
		name    string
		options []Option
	}{
		{"smallest", nil},
		{"full", []Option{full, Component("worker", 2, nil, "work")}},
	} {
		b.Run(size.name, func(b *testing.B) {
			in := render.Input{Stack: Stack("shop", size.options...), Defaults: render.StandardDefaults()}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := render.Content(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkObjects measures building the objects of a revision.
func BenchmarkObjects(b *testing.B) {
	stack := Stack("shop", full)
	rendered, err := render.Content(render.Input{Stack: stack, Defaults: render.StandardDefaults()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		objects(stack, rendered)
	}
}
