// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/appstack-dev/appstack/internal/model"
)

func TestWithSource(t *testing.T) {
	const added = 1000
	record := model.Record{Sources: []string{"first"}}
	for i := range added {
		source := fmt.Sprint(i)
		before := len(record.Sources)
		next := record.WithSource(source)
		if len(record.Sources) != before {
			t.Fatal("the original record changed")
		}
		if record = next; !record.HasSource(source) {
			t.Fatalf("R4 the source of the current spec, %s, is not recorded", source)
		}
	}
	if got := len(record.Sources); got != model.MaxSources {
		t.Errorf("R4 %d sources are recorded, want %d", got, model.MaxSources)
	}
	var want []string
	for i := added - model.MaxSources + 1; i < added; i++ {
		want = append(want, fmt.Sprint(i))
	}
	if diff := cmp.Diff(append([]string{"first"}, want...), record.Sources); diff != "" {
		t.Errorf("R4 the first source and the newest ones (-want +got):\n%s", diff)
	}
}

// TestWithSourceOfALongRecord checks that adding a source to a record with more sources than the
// limit, written by an earlier version, truncates it.
func TestWithSourceOfALongRecord(t *testing.T) {
	var record model.Record
	for i := range 3 * model.MaxSources {
		record.Sources = append(record.Sources, fmt.Sprint(i))
	}
	record = record.WithSource("present")
	if got := len(record.Sources); got != model.MaxSources || !record.HasSource("0") || !record.HasSource("present") {
		t.Errorf("R4 %d sources are left, want %d, with the first and the newest", got, model.MaxSources)
	}
}
