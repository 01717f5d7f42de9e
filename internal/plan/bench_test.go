// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan_test

import (
	"testing"

	"github.com/appstack-dev/appstack/internal/model"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// sizes are the benchmarked stacks: a typical one and a large one.
var sizes = []struct {
	name    string
	options []Option
}{
	{"one", nil},
	{"five", []Option{
		Component("a", 2, nil, "a"), Component("b", 2, nil, "b"), Component("c", 2, nil, "c"), Component("d", 2, nil, "d"),
	}},
}

// BenchmarkMakeSettled measures a plan without steps.
func BenchmarkMakeSettled(b *testing.B) {
	for _, size := range sizes {
		b.Run(size.name, func(b *testing.B) {
			state := settled(size.options...)
			if steps := stepsOf(state); len(steps) > 0 {
				b.Fatalf("a settled stack has steps: %v", steps)
			}
			b.ReportAllocs()
			for b.Loop() {
				planFor(state)
			}
		})
	}
}

// BenchmarkMakeNew measures the plan of a first release.
func BenchmarkMakeNew(b *testing.B) {
	for _, size := range sizes {
		b.Run(size.name, func(b *testing.B) {
			state := model.State{Stack: Stack("shop", size.options...)}
			if planFor(state).Start == nil {
				b.Fatal("a new stack starts no rollout")
			}
			b.ReportAllocs()
			for b.Loop() {
				planFor(state)
			}
		})
	}
}
