// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/compose"
)

// write creates a directory with the files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "My.Project")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// TestLoad checks that files are loaded as Docker Compose loads them.
func TestLoad(t *testing.T) {
	alone(t)
	t.Setenv("FROM_PROCESS", "process")
	tests := map[string]struct {
		files   map[string]string
		read    []string
		in      string
		options func(folder string) compose.Options
		want    map[string]string // images by stack
		env     map[string]string // environment of stack web
	}{
		"variables of the process and of .env": {
			files: map[string]string{
				"compose.yaml": `services: {web: {image: "web:${TAG}-${FROM_PROCESS}-${NONE:-none}"}}`, ".env": "TAG=1\nFROM_PROCESS=file\n",
			},
			read: []string{"compose.yaml"}, want: map[string]string{"web": "web:1-process-none"},
		},
		"other env files": {
			files: map[string]string{"compose.yaml": `services: {web: {image: "web:${TAG}"}}`, ".env": "TAG=1\n", "prod.env": "TAG=2\n"},
			read:  []string{"compose.yaml"}, want: map[string]string{"web": "web:2"},
			options: func(folder string) compose.Options {
				return compose.Options{EnvFiles: []string{filepath.Join(folder, "prod.env")}}
			},
		},
		"a file merged over another": {
			files: map[string]string{
				"compose.yaml":  `services: {web: {image: "web:1", environment: {A: a, B: b}}}`,
				"override.yaml": `services: {web: {image: "web:2", environment: {B: c}}}`,
			},
			read: []string{"compose.yaml", "override.yaml"}, want: map[string]string{"web": "web:2"}, env: map[string]string{"A": "a", "B": "c"},
		},
		"extends, include and env_file": {
			files: map[string]string{
				"compose.yaml": "include: [db.yaml]\nservices: {web: {extends: {file: base.yaml, service: base}, env_file: web.env}}",
				"base.yaml":    `services: {base: {image: "base:1"}}`, "db.yaml": `services: {db: {image: "db:1"}}`, "web.env": "A=a\n",
			},
			read: []string{"compose.yaml"}, want: map[string]string{"web": "base:1", "db": "db:1"}, env: map[string]string{"A": "a"},
		},
		"standard input": {in: `services: {web: {image: "web:1"}}`, read: []string{"-"}, want: map[string]string{"web": "web:1"}},
		"a profile": {
			files: map[string]string{"compose.yaml": `services: {web: {image: "web:1"}, debug: {image: "debug:1", profiles: [dev]}}`},
			read:  []string{"compose.yaml"}, want: map[string]string{"web": "web:1", "debug": "debug:1"},
			options: func(string) compose.Options { return compose.Options{Profiles: []string{"dev"}} },
		},
		"without the profile": {
			files: map[string]string{"compose.yaml": `services: {web: {image: "web:1"}, debug: {image: "debug:1", profiles: [dev]}}`},
			read:  []string{"compose.yaml"}, want: map[string]string{"web": "web:1"},
		},
		"the name of the folder": {
			files: map[string]string{"compose.yaml": `services: {web: {build: .}}`},
			read:  []string{"compose.yaml"}, want: map[string]string{"web": "myproject-web"},
		},
		"a name of its own": {
			files: map[string]string{"compose.yaml": "name: shop\nservices: {web: {build: .}}"},
			read:  []string{"compose.yaml"}, want: map[string]string{"web": "shop-web"},
		},
		"another name": {
			files: map[string]string{"compose.yaml": "name: shop\nservices: {web: {build: .}}"},
			read:  []string{"compose.yaml"}, want: map[string]string{"web": "mine-web"},
			options: func(string) compose.Options { return compose.Options{ProjectName: "mine"} },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder := write(t, test.files)
			var options compose.Options
			if test.options != nil {
				options = test.options(folder)
			}
			var files []string
			for _, file := range test.read {
				if file != "-" {
					file = filepath.Join(folder, file)
				}
				files = append(files, file)
			}
			project, err := compose.Load(t.Context(), files, strings.NewReader(test.in), options)
			if err != nil {
				t.Fatal(err)
			}
			result, err := compose.Convert(project, options)
			if err != nil {
				t.Fatal(err)
			}
			got, env := map[string]string{}, map[string]string(nil)
			for name, stack := range stacks(result) {
				got[name] = stack.Spec.Image
				for _, variable := range stack.Spec.Env {
					if env == nil {
						env = map[string]string{}
					}
					env[variable.Name] = variable.Value
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("images (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.env, env); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
		})
	}
}

// stacks returns the stacks of the result by name.
func stacks(result compose.Result) map[string]*v1alpha1.AppStack {
	out := map[string]*v1alpha1.AppStack{}
	for _, object := range result.Objects {
		if stack, ok := object.(*v1alpha1.AppStack); ok {
			out[stack.Name] = stack
		}
	}
	return out
}

// TestErrors checks that an error names the file and the cause.
func TestErrors(t *testing.T) {
	alone(t)
	tests := map[string]struct {
		in      string
		options compose.Options
		want    string
	}{
		"no services":      {in: "services: {}", want: "the project has no services"},
		"nothing":          {in: "", want: "standard input: empty compose file"},
		"no YAML":          {in: "services: [", want: "standard input: "},
		"an unknown field": {in: "services: {web: {image: a, imagine: b}}", want: "imagine"},
		"no image": {
			in: "services: {web: {command: a}}", want: `standard input: service "web" has neither an image nor a build context`,
		},
		"a provider":          {in: "services: {web: {provider: {type: cloud}}}", want: `service web comes from the provider "cloud"`},
		"a variable required": {in: "services: {web: {image: 'a:${NO_SUCH_TAG:?say which}'}}", want: "say which"},
		"all in profiles": {
			in: "services: {web: {image: a, profiles: [dev]}}", want: "no service is left: all of them (web) belong to profiles",
		},
		"a stack's name": {
			in: "services: {web: {image: a}}", options: compose.Options{Stack: "My_Shop"}, want: `the stack cannot be named "My_Shop"`,
		},
		"a project's name": {in: "services: {web: {image: a}}", options: compose.Options{ProjectName: "My Shop"}, want: "My Shop"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.options.ProjectName == "" {
				test.options.ProjectName = "test"
			}
			project, err := compose.Load(t.Context(), []string{"-"}, strings.NewReader(test.in), test.options)
			if err == nil {
				_, err = compose.Convert(project, test.options)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want %q", err, test.want)
			}
		})
	}
	for name, files := range map[string][]string{"no file": nil, "a file that is not there": {"testdata/none.yaml"}} {
		if _, err := compose.Load(t.Context(), files, nil, compose.Options{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestFiles checks which files of configs become ConfigMaps.
func TestFiles(t *testing.T) {
	alone(t)
	folder := write(t, map[string]string{
		"compose.yaml": `
services:
  web: {image: web, configs: [empty, text, binary, large, folder, none]}
configs:
  empty: {file: empty}
  text: {file: text}
  binary: {file: binary}
  large: {file: large}
  folder: {file: .}
  none: {file: none}
`,
		"empty": "", "text": "é", "binary": "\xff\xfe", "large": strings.Repeat("a", 512<<10),
	})
	project, err := compose.Load(t.Context(), []string{filepath.Join(folder, "compose.yaml")}, nil, compose.Options{ProjectName: "p"})
	if err != nil {
		t.Fatal(err)
	}
	result, err := compose.Convert(project, compose.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var made, notes []string
	for _, object := range result.Objects {
		made = append(made, object.GetName())
	}
	for _, note := range result.Notes {
		notes = append(notes, note.String())
	}
	if diff := cmp.Diff([]string{"p-empty", "p-text", "web"}, made); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	want := []string{
		"configs.binary: the file ./binary is not UTF-8: once that is mended, kubectl create configmap p-binary --from-file=binary=./binary",
		"configs.folder: the file . is no regular file: once that is mended, kubectl create configmap p-folder --from-file=folder=.",
		"configs.large: the file ./large is not smaller than 512 KiB: once that is mended, " +
			"kubectl create configmap p-large --from-file=large=./large",
		"configs.none: the file ./none does not exist: once that is mended, kubectl create configmap p-none --from-file=none=./none",
	}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}
