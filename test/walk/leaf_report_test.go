// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/appstack-dev/appstack/test/world"
)

// reportOf summarizes the results of the walk: a line for each node, the totals, and every surprise.
func reportOf(all, walked []schemaNode, results map[string]*leafResult, took time.Duration) string {
	var text, surprises strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, strings.Join([]string{
		"field", "changed a child", "no effect", "rejected by the API server", "by the operator", "restored", "edges", "surprises", "seconds",
	}, "\t"))
	total := leafResult{counts: map[leafOutcome]int{}}
	leaves, allLeaves, found := 0, 0, 0
	line := func(name string, r *leafResult, wrong int) {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\n", name, r.counts[ranChanged], r.counts[ranSame],
			r.counts[refusedByServer], r.counts[refusedByOperator], r.back, r.edges, wrong, r.elapsed.Seconds())
	}
	for _, node := range all {
		if node.leaf() {
			allLeaves++
		}
	}
	for _, node := range walked {
		result := results[node.path]
		if result == nil {
			continue
		}
		if node.leaf() {
			leaves++
		}
		line(node.path, result, len(result.surprises))
		for outcome, count := range result.counts {
			total.counts[outcome] += count
		}
		total.back, total.edges = total.back+result.back, total.edges+result.edges
		total.elapsed += result.elapsed
		found += len(result.surprises)
		for _, surprise := range result.surprises {
			fmt.Fprintf(&surprises, "%s: %s\n", node.path, surprise)
		}
	}
	line("total", &total, found)
	_ = table.Flush()
	fmt.Fprintf(&text, "\n%d of %d leaves, %d of %d nodes, in %s with %d workers; WALK_SHARE=%d WALK_SEED=%d\n",
		leaves, allLeaves, len(walked), len(all), took.Round(time.Second), walkWorkers, walkShare, walkSeed)
	fmt.Fprintf(&text, "%d surprises\n%s", found, surprises.String())
	fmt.Fprintf(&text, "\nmessages\n")
	for _, node := range walked {
		if result := results[node.path]; result != nil {
			for _, said := range result.said {
				fmt.Fprintf(&text, "%s = %s\n", node.path, said)
			}
		}
	}
	return text.String()
}

// writeReport writes a report to bin/reports.
func writeReport(name, report string) error {
	folder := filepath.Join(world.Root(), "bin", "reports")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name), []byte(report), 0o600)
}
