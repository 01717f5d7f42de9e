// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Command sbom writes and checks the software bills of materials of Go programs in
// SPDX format. Its sources are the programs' own build info, which the toolchain
// embeds, and the modules from which they were built.
//
// The same program and the same time give the same document.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	version := flag.String("version", "", "`version` of the programs")
	created := flag.Int64("created", 0, "when the documents were made, in `seconds` since 1970: that of the source")
	out := flag.String("out", ".", "`folder` for the documents")
	flag.Parse()
	if err := run(*out, *version, time.Unix(*created, 0), flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(out, version string, created time.Time, files []string) error {
	if version == "" || created.Unix() == 0 || len(files) == 0 {
		return fmt.Errorf("version, time and programs have to be given")
	}
	sources, err := findSources()
	if err != nil {
		return err
	}
	for _, file := range files {
		found, err := read(file, version)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		licenses, err := sources.licenses(found)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		document := filepath.Join(out, found.name+".spdx.json")
		if err := write(document, found.document(licenses, created)); err != nil {
			return err
		}
		if err := check(document, found); err != nil {
			return fmt.Errorf("%s: %w", document, err)
		}
		fmt.Printf("%s: %d modules, %s\n", document, len(found.modules), summary(licenses))
	}
	return nil
}
