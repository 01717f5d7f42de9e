// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// thisProgram returns the test's own binary as the program, with the licenses of its modules.
func thisProgram(t *testing.T) (program, map[module]string) {
	t.Helper()
	file, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	found, err := read(file, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := findSources()
	if err != nil {
		t.Fatal(err)
	}
	licenses, err := sources.licenses(found)
	if err != nil {
		t.Fatal(err)
	}
	return found, licenses
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	found, licenses := thisProgram(t)
	for name, test := range map[string]struct {
		change func(*spdx.Document)
		want   string
	}{
		"nothing":         {change: func(*spdx.Document) {}},
		"a module less":   {func(d *spdx.Document) { d.Packages, d.Relationships = d.Packages[:2], d.Relationships[:2] }, "is missing"},
		"a module twice":  {func(d *spdx.Document) { d.Packages = append(d.Packages, d.Packages[2]) }, "twice in the document"},
		"another version": {func(d *spdx.Document) { d.Packages[2].PackageVersion = "v9.9.9" }, "in the program"},
		"another sum":     {func(d *spdx.Document) { d.Packages[2].PackageChecksums = nil }, "its checksum is"},
		"no license":      {func(d *spdx.Document) { d.Packages[2].PackageLicenseDeclared = unknown }, "its license is missing"},
		"another package URL": {func(d *spdx.Document) {
			d.Packages[2].PackageExternalReferences = references(module{path: "a/b", version: "v1"})
		}, "its package URL names a/b v1"},
		"a relationship to nothing": {func(d *spdx.Document) { d.Relationships[2].RefB.ElementRefID = "Nothing" }, "Nothing"},
		"nothing described":         {func(d *spdx.Document) { d.Relationships = d.Relationships[1:] }, "DESCRIBES"},
		"another program":           {func(d *spdx.Document) { d.Packages[0].PackageChecksums[0].Value = "00" }, "its checksum is"},
		"another format":            {func(d *spdx.Document) { d.SPDXVersion = "SPDX-9" }, "SPDX-9"},
	} {
		t.Run(name, func(t *testing.T) {
			document := found.document(licenses, time.Unix(1, 0))
			test.change(document)
			file := filepath.Join(t.TempDir(), "document.json")
			if err := write(file, document); err != nil {
				t.Fatal(err)
			}
			err := check(file, found)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("a valid document: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestLicensesAreReadInWhatWasBuiltOf(t *testing.T) {
	found, _ := thisProgram(t)
	sources, err := findSources()
	if err != nil {
		t.Fatal(err)
	}
	found.modules[1].sum = "h1:AAAA"
	if _, err := sources.licenses(found); err == nil || !strings.Contains(err.Error(), "is not that of the program") {
		t.Errorf("a module with different content: %v", err)
	}
	found.modules[1].version = "v0.0.0-none"
	if _, err := sources.licenses(found); err == nil || !strings.Contains(err.Error(), "not available") {
		t.Errorf("a missing module: %v", err)
	}
}

func TestDeclared(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"none":        {map[string]string{"README": "SPDX-License-Identifier: MIT"}, "there is no license"},
		"unknown one": {map[string]string{"LICENSE": "You may do with it whatever you like on Sundays."}, "a known license"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for file, text := range test.files {
				if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if said, err := declared(folder); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q, %v, want %q", said, err, test.want)
			}
		})
	}
}
