// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Command bench compares AppStack with other ways to run the same apps, on its own
// control planes, and writes the results as JSON, as tables and as plots.
// `make bench` runs it; docs/performance.md describes the measures.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/appstack-dev/appstack/test/bench/contender"
	"github.com/appstack-dev/appstack/test/bench/measure"
	"github.com/appstack-dev/appstack/test/bench/report"
	"github.com/appstack-dev/appstack/test/bench/result"
)

func main() {
	log.SetFlags(log.Ltime)
	if len(os.Args) == 2 && os.Args[1] == contender.NaiveCommand {
		if err := contender.RunNaive(); err != nil {
			log.Fatal(err)
		}
		return
	}
	root := flag.String("root", ".", "Folder of the repository, with bin/bench/manager in it.")
	scale := flag.String("scale", "full", "How much is measured: "+strings.Join(slices.Sorted(maps.Keys(measure.Scales)), ", ")+".")
	only := flag.String("only", "", "Measures to make, with commas between them. All where it is left out.")
	flag.Parse()
	if err := run(*root, *scale, *only); err != nil {
		log.Fatal(err)
	}
}

func run(root, scaleName, only string) error {
	scale, found := measure.Scales[scaleName]
	if !found {
		return fmt.Errorf("there is no scale %q", scaleName)
	}
	var measures []measure.Measure
	for _, m := range measure.All() {
		if only == "" || slices.Contains(strings.Split(only, ","), m.Name) {
			measures = append(measures, m)
		}
	}
	if len(measures) == 0 {
		return fmt.Errorf("there is no measure %q", only)
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return fmt.Errorf("finding the repository: %w", err)
	}
	version, err := fingerprint(filepath.Join(root, "bin", "bench", "manager"))
	if err != nil {
		return err
	}
	folder := filepath.Join(root, "bin", "bench", scaleName)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("making the folder for results: %w", err)
	}
	ctrl.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	file := result.File(filepath.Join(folder, "samples.jsonl"))
	bench := measure.Bench{Root: root, Scale: scale, File: file, Version: version}
	if err := bench.Run(ctx, measures); err != nil {
		return err
	}
	samples, err := file.Load()
	if err != nil {
		return err
	}
	return report.Write(folder, samples, version)
}

// fingerprint identifies a build of a program: only samples of the same build are combined.
func fingerprint(program string) (string, error) {
	file, err := os.Open(program)
	if err != nil {
		return "", fmt.Errorf("reading the operator's program: %w", err)
	}
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("reading the operator's program: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil))[:12], nil
}
