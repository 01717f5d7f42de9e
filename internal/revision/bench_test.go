// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision_test

import (
	"testing"

	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// BenchmarkSourceHash measures finding an existing revision for a spec.
func BenchmarkSourceHash(b *testing.B) {
	spec := Stack("shop", limits, Component("worker", 2, nil, "work"),
		PodTemplate(`{"metadata":{"annotations":{"a":"1"}},"spec":{"priority":1}}`)).Spec
	b.ReportAllocs()
	for b.Loop() {
		revision.SourceHash(spec)
	}
}
