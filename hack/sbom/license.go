// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
	gomodule "golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
)

// least is the minimum percentage of license text in a file that counts as a license
// file.
const least = 75

// licenseFile matches the names of license files.
var licenseFile = regexp.MustCompile(`(?i)^(licen[sc]e|copying|unlicense)([-._].*)?$`)

// sources contains the toolchain's folders of source code.
type sources struct{ cache, root string }

// findSources asks the toolchain for its folders.
func findSources() (sources, error) {
	var found sources
	for name, value := range map[string]*string{"GOMODCACHE": &found.cache, "GOROOT": &found.root} {
		said, err := exec.Command("go", "env", name).Output()
		if err != nil {
			return sources{}, fmt.Errorf("go env %s: %w", name, err)
		}
		*value = strings.TrimSpace(string(said))
	}
	return found, nil
}

// licenses returns the licenses that the modules of a program declare, as SPDX expressions.
// It reads them in exactly the modules from which the program was built.
func (s sources) licenses(of program) (map[module]string, error) {
	licenses := map[module]string{}
	for _, m := range of.modules {
		folder, err := s.folder(m)
		if err != nil {
			return nil, err
		}
		if licenses[m], err = declared(folder); err != nil {
			return nil, fmt.Errorf("%s %s: %w", m.path, m.version, err)
		}
	}
	return licenses, nil
}

// folder returns the folder of the module.
func (s sources) folder(m module) (string, error) {
	if m.path == standard {
		return s.root, nil
	}
	path, err := gomodule.EscapePath(m.path)
	if err != nil {
		return "", err
	}
	version, err := gomodule.EscapeVersion(m.version)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(s.cache, filepath.FromSlash(path)+"@"+version)
	sum, err := dirhash.HashDir(folder, m.path+"@"+m.version, dirhash.Hash1)
	if err != nil {
		return "", fmt.Errorf("%s %s: the source that the program was built from is not available: %w", m.path, m.version, err)
	}
	if sum != m.sum {
		return "", fmt.Errorf("%s %s: the available source is not that of the program: checksum %s, want %s", m.path, m.version, sum, m.sum)
	}
	return folder, nil
}

// declared returns the licenses in the root folder of a module.
func declared(folder string) (string, error) {
	files, err := os.ReadDir(folder)
	if err != nil {
		return "", err
	}
	ids := map[string]bool{}
	for _, file := range files {
		if !file.Type().IsRegular() || filepath.Ext(file.Name()) == ".go" || !licenseFile.MatchString(file.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, file.Name()))
		if err != nil {
			return "", err
		}
		coverage := licensecheck.Scan(text)
		if coverage.Percent < least {
			return "", fmt.Errorf("%s: only %.0f %% of it is the text of a known license", file.Name(), coverage.Percent)
		}
		for _, match := range coverage.Match {
			ids[match.ID] = true
		}
	}
	if len(ids) == 0 {
		return "", fmt.Errorf("there is no license in it")
	}
	return strings.Join(slices.Sorted(maps.Keys(ids)), " AND "), nil
}

// summary counts the licenses.
func summary(licenses map[module]string) string {
	count := map[string]int{}
	for _, license := range licenses {
		count[license]++
	}
	var words []string
	for _, license := range slices.Sorted(maps.Keys(count)) {
		words = append(words, fmt.Sprintf("%d %s", count[license], license))
	}
	return strings.Join(words, ", ")
}
