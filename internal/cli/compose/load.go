// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// stdin is the file name that means standard input.
const stdin = "-"

// maxFileSize is the limit for a config: files of this size or more are not converted. A ConfigMap
// holds 1 MiB at most. Client-side kubectl apply also stores a copy in an annotation, which is
// limited to 256 KiB, so larger ones need kubectl apply --server-side.
const maxFileSize = 512 << 10

// problemKey is the extension field that stores why the file of a config was not read.
const problemKey = "x-appstack-problem"

// Load reads a project from Compose files. Like Docker Compose, it merges each file over the
// previous ones, and takes variables from the process's environment and from env files. A file
// named "-" is read from in.
func Load(ctx context.Context, files []string, in io.Reader, options Options) (*types.Project, error) {
	if len(files) == 0 {
		return nil, errors.New("no Compose file is named")
	}
	settings, err := cli.NewProjectOptions(files, cli.WithOsEnv, cli.WithEnvFiles(options.EnvFiles...), cli.WithDotEnv)
	if err != nil {
		return nil, fmt.Errorf("variables for %s: %w", named(files), err)
	}
	folder, err := settings.GetWorkingDir()
	if err != nil {
		return nil, err
	}
	details := types.ConfigDetails{WorkingDir: folder, Environment: settings.Environment}
	for _, file := range files {
		content, err := read(file, in)
		if err != nil {
			return nil, err
		}
		details.ConfigFiles = append(details.ConfigFiles, content)
	}
	profiles := options.Profiles
	if len(profiles) == 0 {
		profiles = strings.Split(settings.Environment[consts.ComposeProfiles], ",")
	}
	project, err := loader.LoadWithContext(ctx, details, loader.WithDiscardEnvFiles, loader.WithoutUnnecessaryResources,
		loader.WithProfiles(profiles), func(o *loader.Options) { nameProject(o, options, settings) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", named(files), err)
	}
	readConfigs(project)
	return project, nil
}

// nameProject gives the project the name that Docker Compose would give it.
func nameProject(o *loader.Options, options Options, settings *cli.ProjectOptions) {
	switch {
	case options.ProjectName != "":
		o.SetProjectName(options.ProjectName, true)
	case settings.Environment[consts.ComposeProjectName] != "":
		o.SetProjectName(settings.Environment[consts.ComposeProjectName], true)
	default: // the name of the folder, unless one of the files sets a name
		if folder, err := settings.GetWorkingDir(); err == nil {
			o.SetProjectName(loader.NormalizeProjectName(filepath.Base(folder)), false)
		}
	}
}

// read reads a Compose file. The loader itself can only read the standard input of the process, not
// in.
func read(file string, in io.Reader) (types.ConfigFile, error) {
	if file == stdin {
		content, err := io.ReadAll(in)
		if err != nil {
			return types.ConfigFile{}, fmt.Errorf("standard input: %w", err)
		}
		return types.ConfigFile{Filename: file, Content: content}, nil
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return types.ConfigFile{}, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return types.ConfigFile{}, err // the error names the file
	}
	return types.ConfigFile{Filename: path, Content: content}, nil
}

// named returns the names of the files for messages.
func named(files []string) string {
	var out []string
	for _, file := range files {
		if file == stdin {
			file = "standard input"
		}
		out = append(out, file)
	}
	return strings.Join(out, ", ")
}

// readConfigs reads the files of configs, so that Convert does not have to read any file.
func readConfigs(project *types.Project) {
	for name, config := range project.Configs {
		if config.File == "" || bool(config.External) {
			continue
		}
		content, problem := readText(config.File)
		config.Content = content
		if problem != "" {
			config.Extensions = types.Extensions{problemKey: problem}
		}
		project.Configs[name] = config
	}
}

// readText reads a file for a ConfigMap. If a ConfigMap cannot hold it, problem says why.
func readText(path string) (content, problem string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", "does not exist"
	case err != nil:
		return "", "cannot be read"
	case !info.Mode().IsRegular():
		return "", "is no regular file"
	case info.Size() >= maxFileSize:
		return "", "is not smaller than 512 KiB"
	}
	raw, err := os.ReadFile(path)
	switch {
	case err != nil:
		return "", "cannot be read"
	case !utf8.Valid(raw):
		return "", "is not UTF-8"
	}
	return string(raw), ""
}
