// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/appstack-dev/appstack/internal/cli/compose"
	"github.com/appstack-dev/appstack/test/golden"
)

// samples are the Compose projects, by the name of the golden file.
var samples = map[string]struct {
	file    string
	options compose.Options
}{
	"shop":         {file: "shop/compose.yaml"},
	"blog":         {file: "blog/compose.yaml"},
	"kitchen-sink": {file: "kitchen-sink/compose.yaml"},
	"one-stack":    {file: "shop/compose.yaml", options: compose.Options{Stack: "shop"}},
}

// alone hides the developer's own Compose environment variables.
func alone(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"COMPOSE_PROJECT_NAME": "", "COMPOSE_PROFILES": "", "COMPOSE_DISABLE_ENV_FILE": "false", "DB_PASSWORD": "example",
	} {
		t.Setenv(name, value)
	}
}

// convert converts the sample to stacks.
func convert(t *testing.T, name string) compose.Result {
	t.Helper()
	alone(t)
	sample := samples[name]
	project, err := compose.Load(t.Context(), []string{filepath.Join("testdata", sample.file)}, nil, sample.options)
	if err != nil {
		t.Fatal(err)
	}
	result, err := compose.Convert(project, sample.options)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// TestGolden checks the output for realistic projects. A careful reviewer should be willing to
// apply it.
func TestGolden(t *testing.T) {
	for name := range samples {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := compose.Write(&got, convert(t, name)); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata/golden", name+".yaml")
			golden.Compare(t, file, got.String())
			for _, dirt := range []string{"status:", "creationTimestamp", "null\n"} {
				if strings.Contains(got.String(), "\n"+dirt) || strings.Contains(got.String(), " "+dirt) && dirt != "null\n" {
					t.Errorf("%s holds %q", file, dirt)
				}
			}
		})
	}
}
