// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package result_test

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/appstack-dev/appstack/test/bench/result"
)

func key(contender string, trial int) result.Key {
	return result.Key{Measure: "converge", Setting: "stock", Contender: contender, Size: 10, Trial: trial}
}

func TestFileKeepsSamples(t *testing.T) {
	file := result.File(filepath.Join(t.TempDir(), "samples.jsonl"))
	if none, err := file.Load(); err != nil || len(none) != 0 {
		t.Fatalf("before the first sample: %v, %v", none, err)
	}
	for trial := 1; trial <= 2; trial++ {
		sample := result.New(key("raw", trial))
		sample.Values["create.seconds"] = float64(trial)
		sample.Repeat("held.bytes", 3)
		if err := file.Add(sample); err != nil {
			t.Fatal(err)
		}
	}
	all, err := file.Load()
	if err != nil || len(all) != 2 {
		t.Fatalf("%d samples, %v", len(all), err)
	}
	if want := key("raw", 2); all[1].Key != want || all[1].Values["create.seconds"] != 2 {
		t.Errorf("the second is %+v", all[1])
	}
	if !all.Has(key("raw", 1)) || all.Has(key("naive", 1)) {
		t.Error("it reports samples that it does not have")
	}
}

func TestSummary(t *testing.T) {
	var all result.Samples
	for trial, value := range []float64{5, 1, 4, 2} {
		sample := result.New(key("raw", trial))
		sample.Values["seconds"] = value
		all = append(all, *sample)
	}
	all[0].Repeat("bytes", 7)
	all[0].Repeat("bytes", 9)
	tests := map[string]result.Summary{
		"seconds": {Median: 3, Least: 1, Most: 5, Trials: 4},
		"bytes":   {Median: 8, Least: 7, Most: 9, Trials: 2},
		"none":    {},
	}
	for name, want := range tests {
		if got := all.Of(name); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

func TestQuantile(t *testing.T) {
	sorted := []float64{10, 20, 30, 40, 50}
	for q, want := range map[float64]float64{0: 10, 0.5: 30, 0.9: 46, 1: 50} {
		if got := result.Quantile(sorted, q); got != want {
			t.Errorf("%g: %g, want %g", q, got, want)
		}
	}
}
