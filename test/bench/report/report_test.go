// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/appstack-dev/appstack/test/bench/report"
	"github.com/appstack-dev/appstack/test/bench/result"
)

// converged returns samples of two contenders. AppStack takes ratio times as long as the other.
func converged(ratio float64) result.Samples {
	var all result.Samples
	for who, factor := range map[string]float64{"raw": 1, "appstack": ratio} {
		for _, size := range []int{100, 1000} {
			sample := result.New(result.Key{Measure: "converge", Setting: "unthrottled", Contender: who, Size: size, Trial: 1})
			sample.Version = "this"
			sample.Values["create.seconds"] = factor * float64(size) / 50
			sample.Values["create.writes"] = 6 * float64(size)
			all = append(all, *sample)
		}
	}
	return all
}

func find(t *testing.T, rows []report.Row, id, measure string) report.Row {
	t.Helper()
	for _, row := range rows {
		if row.ID == id && strings.Contains(row.Measure, measure) {
			return row
		}
	}
	t.Fatalf("no row %s %q", id, measure)
	return report.Row{}
}

func TestWhatHasNoGoal(t *testing.T) {
	sample := result.New(result.Key{Measure: "latency", Setting: "unthrottled", Contender: "appstack", Size: 1000, Trial: 1})
	sample.Values["change.idle.p50.ms"] = 36
	before := report.Goals(result.Samples{*sample})
	sample.Values["change.idle.own.p50.ms"] = 9
	after := report.Goals(result.Samples{*sample})

	if len(after) != len(before)+1 {
		t.Errorf("%d rows with it and %d without: it must be shown only if it was measured", len(after), len(before))
	}
	if row := find(t, after, "P7", "of that"); row.Measured != "9 ms" || row.Goal != "–" || row.Verdict != report.NoGoal {
		t.Errorf("it must have no goal: %+v", row)
	}
}

func TestGoals(t *testing.T) {
	tests := map[string]struct {
		ratio float64
		want  report.Verdict
	}{
		"within the goal":    {1.2, report.Met},
		"just over the goal": {1.3, report.Missed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rows := report.Goals(converged(test.ratio))
			if row := find(t, rows, "P1", "time to converge 1,000 stacks, unthrottled"); row.Verdict != test.want {
				t.Errorf("%+v, want %s", row, test.want)
			}
			if row := find(t, rows, "P1", "many stacks against few"); row.Verdict != report.Met ||
				!strings.HasPrefix(row.Measured, "1.00 ×") || !strings.HasSuffix(row.Measured, "; raw 1.00 ×)") {
				t.Errorf("both it and raw are linear: %+v", row)
			}
			if row := find(t, rows, "P2", "create: writes"); row.Verdict != report.Met || row.Measured != "6.00" {
				t.Errorf("six writes are within the goal: %+v", row)
			}
			if row := find(t, rows, "P9", "SIGKILL"); row.Verdict != report.NotMeasured {
				t.Errorf("no leader was killed: %+v", row)
			}
		})
	}
}

func TestSoakIsFlat(t *testing.T) {
	for name, test := range map[string]struct {
		growth float64 // a point
		want   report.Verdict
	}{"flat": {0, report.Met}, "growing": {1, report.Missed}} {
		t.Run(name, func(t *testing.T) {
			sample := result.New(result.Key{Measure: "soak", Contender: "appstack", Size: 10, Trial: 1})
			for i := range 40 {
				sample.Series["goroutines"] = append(sample.Series["goroutines"],
					result.Point{Second: float64(i), Value: 100 + test.growth*float64(i)})
			}
			if row := find(t, report.Goals(result.Samples{*sample}), "P11", "goroutines"); row.Verdict != test.want {
				t.Errorf("%+v, want %s", row, test.want)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	folder := t.TempDir()
	all := converged(1)
	other := result.New(result.Key{Measure: "converge", Setting: "unthrottled", Contender: "raw", Size: 7, Trial: 1})
	other.Version = "another"
	if err := report.Write(folder, append(all, *other), "this"); err != nil {
		t.Fatal(err)
	}
	tables, err := os.ReadFile(filepath.Join(folder, "tables.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(tables), "| unthrottled | 100 | appstack | 1 | 2.0 | – |") {
		t.Errorf("an update that was not measured has a time:\n%s", tables)
	}
	if !strings.Contains(string(tables), "–, –, –, – |") {
		t.Errorf("CPU time that was not measured is shown:\n%s", tables)
	}
	if strings.Contains(string(tables), "| 7 |") {
		t.Error("it contains another version")
	}
	plot, err := os.ReadFile(filepath.Join(folder, "converge-unthrottled.svg"))
	if err != nil || !strings.Contains(string(plot), "<svg") {
		t.Errorf("no plot: %v", err)
	}
}
