// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	for name, tc := range map[string]struct {
		events string
		want   []string // parts of the report, in this order
	}{
		"subtests count, their parent does not": {
			events: `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"T"}
{"Action":"run","Package":"p","Test":"T/a"}
{"Action":"run","Package":"p","Test":"T/b"}
{"Action":"pass","Package":"p","Test":"T/a"}
{"Action":"output","Package":"p","Test":"T/b","Output":"    x_test.go:3: no network\n"}
{"Action":"skip","Package":"p","Test":"T/b"}
{"Action":"pass","Package":"p","Test":"T"}
{"Action":"pass","Package":"p","Elapsed":1}`,
			want: []string{"ok    p", "p T/b: x_test.go:3: no network", "\n1 passed, 0 failed, 1 skipped\n"},
		},
		"a suite counts as its specs": {
			events: `{"Action":"output","Package":"p","Test":"T","Output":"hidden\n"}
{"Action":"output","Package":"p","Test":"T","Output":"SUCCESS! -- 12 Passed | 0 Failed | 1 Pending | 2 Skipped\n"}
{"Action":"pass","Package":"p","Test":"T"}
{"Action":"pass","Package":"p"}`,
			want: []string{"ok    p", "\n12 passed, 0 failed, 3 skipped\n"},
		},
		"what failed is shown whole": {
			events: `{"Action":"output","Package":"p","Test":"T","Output":"first\n"}
{"Action":"output","Package":"p","Test":"T","Output":"last\n"}
{"Action":"fail","Package":"p","Test":"T"}
{"Action":"fail","Package":"p"}`,
			want: []string{"===== p T\nfirst\nlast\n", "FAIL  p", "failed:\n  p\n    T\n", "\n0 passed, 1 failed, 0 skipped\n"},
		},
		"specs that failed are named": {
			events: `{"Action":"output","Package":"p","Test":"T","Output":"  [FAILED] in [It] - x_test.go:9 @ 11/26/26\n"}
{"Action":"output","Package":"p","Test":"T","Output":"Summarizing 1 Failure:\n"}
{"Action":"output","Package":"p","Test":"T","Output":"  [FAIL] A stack [It] runs (R1)\n"}
{"Action":"output","Package":"p","Test":"T","Output":"FAIL! -- 1 Passed | 1 Failed | 0 Pending | 0 Skipped\n"}
{"Action":"fail","Package":"p","Test":"T"}
{"Action":"pass","Package":"p","Test":"U"}
{"Action":"fail","Package":"p"}`,
			want: []string{"failed:\n  p\n    T\n      A stack [It] runs (R1)\n", "\n2 passed, 1 failed, 0 skipped\n"},
		},
		"a build that failed is a failure": {
			events: `{"Action":"build-output","ImportPath":"p","Output":"p.go:1: undefined: x\n"}
{"Action":"fail","Package":"p"}`,
			want: []string{"p.go:1: undefined: x\n", "FAIL  p", "\n0 passed, 1 failed, 0 skipped\n"},
		},
		"a test that never ended is a failure": {
			events: `{"Action":"run","Package":"p","Test":"T"}`,
			want:   []string{"FAIL  p", "\n0 passed, 1 failed, 0 skipped\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			for line := range strings.Lines(tc.events) {
				r.add([]byte(line))
			}
			r.close()
			expect(t, out.String(), tc.want)
		})
	}
}

func TestReportOfSuite(t *testing.T) {
	for name, tc := range map[string]struct {
		lines  string
		passed bool
		want   []string
	}{
		"its specs count": {
			"hidden\nSUCCESS! -- 12 Passed | 0 Failed | 1 Pending | 2 Skipped\n", true,
			[]string{"ok    ./s", "1.0s  12 passed, 0 failed, 3 skipped\n", "\n12 passed, 0 failed, 3 skipped\n"},
		},
		"what failed is shown and named": {
			"first\n[FAIL] A stack [It] runs (R1)\nFAIL! -- 1 Passed | 1 Failed | 0 Pending | 0 Skipped\n", false,
			[]string{"===== ./s specs\nfirst\n", "FAIL  ./s", "A stack [It] runs (R1)\n", "\n1 passed, 1 failed, 0 skipped\n"},
		},
		"one that does not begin is a failure": {
			"Failed to compile\n", false, []string{"Failed to compile\n", "FAIL  ./s", "\n0 passed, 1 failed, 0 skipped\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			r.begin("./s")
			for line := range strings.Lines(tc.lines) {
				r.say("./s", line)
			}
			r.end("./s", time.Second, tc.passed)
			r.close()
			expect(t, out.String(), tc.want)
		})
	}
}

// expect checks that the report has the parts in this order, and nothing about a test that passed.
func expect(t *testing.T, report string, parts []string) {
	t.Helper()
	rest := report
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Fatalf("%q is missing or out of order in:\n%s", part, report)
		}
		rest = after
	}
	if strings.Contains(report, "hidden") {
		t.Errorf("a passed test was shown:\n%s", report)
	}
}
