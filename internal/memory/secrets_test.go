// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package memory_test

import (
	"testing"
	"time"

	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
)

// TestSecretsCompare checks which changes of a Secret are changes of its data.
func TestSecretsCompare(t *testing.T) {
	var secrets memory.Secrets
	recorded := map[string]string{}
	record := func(version string) func() { return func() { recorded = map[string]string{"db": version} } }
	second := 0
	at := func(second int) time.Time { return noon.Add(time.Duration(second) * time.Second) }
	for _, step := range []struct {
		what          string
		do            func()
		version, hash string
		changed       bool
		since         int // seconds after noon; -1 if nothing has changed
	}{
		{"no version is recorded", nil, "u/1", "a", false, -1},
		{"it is recorded", record("u/1"), "u/1", "a", false, -1},
		{"its labels change", nil, "u/2", "a", false, -1},
		{"its data changes", nil, "u/3", "b", true, 3},
		{"its labels change again", nil, "u/4", "b", true, 3},
		{"its data is what it was", nil, "u/5", "a", false, -1},
		{"it is deleted", nil, "", model.AbsentHash, false, -1},
		{"another one of the name has its data", nil, "v/6", "a", false, -1},
		{"another one of the name has other data", nil, "w/7", "c", true, 8},
		{"that is released", record("w/7"), "w/7", "c", false, -1},
		{"it changes while it is not observed", func() { secrets.Forget() }, "w/8", "c", true, 10},
		{"that is released too", record("w/8"), "w/8", "c", false, -1},
		{"an optional one does not exist", record(""), "", model.AbsentHash, false, -1},
		{"an optional one appears", nil, "x/9", "d", true, 13},
	} {
		if step.do != nil {
			step.do()
		}
		observed := map[string]model.ObservedConfig{"db": {Version: step.version, Hash: step.hash}}
		compared, since := secrets.Compare(observed, recorded, at(second))
		if got := compared["db"]; got.Changed != step.changed || got.Version != step.version {
			t.Errorf("R36 %s: %+v, want version %s, changed: %t", step.what, got, step.version, step.changed)
		}
		want := time.Time{}
		if step.since >= 0 {
			want = at(step.since)
		}
		if !since.Equal(want) {
			t.Errorf("R36 %s: since %s, want %s", step.what, since, want)
		}
		second++
	}
	if compared, _ := secrets.Compare(nil, recorded, noon); compared != nil {
		t.Errorf("R36 before Secrets have been observed: %v", compared)
	}
}
