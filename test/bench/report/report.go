// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package report writes results as JSON, as tables and as plots.
package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/appstack-dev/appstack/test/bench/contender"
	"github.com/appstack-dev/appstack/test/bench/measure"
	"github.com/appstack-dev/appstack/test/bench/result"
)

// Write writes results.json, tables.md and the plots into the folder. Samples
// of other versions of the operator are left out.
func Write(folder string, all result.Samples, version string) error {
	all = all.OfVersion(version)
	raw, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return fmt.Errorf("encoding the results: %w", err)
	}
	tables := Tables(all)
	for name, content := range map[string][]byte{"results.json": append(raw, '\n'), "tables.md": []byte(tables)} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return fmt.Errorf("writing the results: %w", err)
		}
	}
	fmt.Print(tables)
	return plots(folder, all)
}

// Tables returns the goals with the measured values, the times of each contender, and
// the requests, in Markdown.
func Tables(all result.Samples) string {
	var text strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	line("| | measure | goal | measured: median [range] | |")
	line("|---|---|---|---|---|")
	for _, row := range Goals(all) {
		line("| %s | %s | %s | %s | %s |", row.ID, row.Measure, row.Goal, row.Measured, row.Verdict)
	}
	line("")
	line("| setting | stacks | who | trials | create, s | update, s | requests/stack to create: writes, dry runs, events, reads " +
		"| to update | processor s to create: API server, etcd, controllers, its own " +
		"| its memory at most, MB |")
	line("|---|---|---|---|---|---|---|---|---|---|")
	g := goals{samples: all}
	for _, setting := range []string{measure.Unthrottled, measure.Stock} {
		for _, size := range g.sizes(setting) {
			for _, who := range contender.All() {
				s := g.converge(setting, who.Name(), size)
				if len(s.Samples) == 0 {
					continue
				}
				requests := func(phase string) string {
					if s.Of(phase+".writes").Trials == 0 {
						return "–"
					}
					var parts []string
					for _, kind := range []string{"writes", "trials", "events", "reads"} {
						parts = append(parts, number(s.Of(phase+"."+kind).over(size).Median, 2))
					}
					return strings.Join(parts, ", ")
				}
				var times []string
				for _, program := range []string{"kube-apiserver", "etcd", "kube-controller-manager", "contender"} {
					times = append(times, s.Of("create.cpu."+program+".seconds").medianText(1))
				}
				line("| %s | %s | %s | %d | %s | %s | %s | %s | %s | %s |", setting, thousands(size), who.Name(), len(s.Samples),
					s.Of("create.seconds").text(1), s.Of("update.seconds").text(1), requests("create"), requests("update"),
					strings.Join(times, ", "), s.Of("peak.bytes").times(1e-6).text(0))
			}
		}
	}
	return text.String()
}
