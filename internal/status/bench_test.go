// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status_test

import (
	"testing"

	"github.com/appstack-dev/appstack/internal/status"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// BenchmarkCompute measures computing the status of a settled stack.
func BenchmarkCompute(b *testing.B) {
	for _, size := range []struct {
		name    string
		options []Option
	}{
		{"one", nil},
		{"two", []Option{Component("worker", 2, nil, "work")}},
	} {
		b.Run(size.name, func(b *testing.B) {
			in := planned(settled(size.options...))
			b.ReportAllocs()
			for b.Loop() {
				status.Compute(in)
			}
		})
	}
}

// BenchmarkPressing measures finding that only numbers changed.
func BenchmarkPressing(b *testing.B) {
	before := status.Compute(planned(settled()))
	next := *before.DeepCopy()
	next.ReadySummary = "2/3"
	b.ReportAllocs()
	for b.Loop() {
		if status.Pressing(before, next) {
			b.Fatal("a number is pressing")
		}
	}
}
