// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// program describes a Go program by its build info.
type program struct {
	// name is the name of the file.
	name string
	// module is the module of its main package, with the released version.
	module module
	// sum is the SHA-256 of the file, in hexadecimal.
	sum string
	// modules lists the linked modules, the standard library first.
	modules []module
}

// module is a Go module.
type module struct {
	path, version string
	// sum is the checksum in go.sum; the standard library has none.
	sum string
}

// standard is the path of the standard library in vulnerability databases.
const standard = "stdlib"

// read reads the build info of a program.
func read(file, version string) (program, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return program{}, err
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return program{}, err
	}
	sum := sha256.Sum256(content)
	toolchain, _, _ := strings.Cut(info.GoVersion, " ") // experiments follow
	found := program{
		name:    filepath.Base(file),
		module:  module{path: info.Main.Path, version: version},
		sum:     hex.EncodeToString(sum[:]),
		modules: []module{{path: standard, version: strings.TrimPrefix(toolchain, "go")}},
	}
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		if dep.Sum == "" {
			return program{}, fmt.Errorf("%s is not a published module: a folder replaces it", dep.Path)
		}
		found.modules = append(found.modules, module{path: dep.Path, version: dep.Version, sum: dep.Sum})
	}
	if len(info.Deps) == 0 {
		return program{}, errors.New("it has no module information")
	}
	return found, nil
}

// hexSum returns the sum in hexadecimal. It is a SHA-256 of the names and sums of the
// module's files.
func (m module) hexSum() (string, error) {
	encoded, ok := strings.CutPrefix(m.sum, "h1:")
	if !ok {
		return "", fmt.Errorf("%s: an unknown kind of checksum: %s", m.path, m.sum)
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", fmt.Errorf("%s: reading its checksum: %w", m.path, err)
	}
	return hex.EncodeToString(raw), nil
}
