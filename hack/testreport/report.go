// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// event is a line of `go test -json` (see `go doc test2json`).
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Elapsed    float64
	Output     string
}

type totals struct{ passed, failed, skipped int }

func (t *totals) add(o totals) {
	t.passed += o.passed
	t.failed += o.failed
	t.skipped += o.skipped
}

func (t totals) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", t.passed, t.failed, t.skipped)
}

// test is a test or subtest; a test without a name is the package itself.
type test struct {
	action string
	parent bool // has subtests
	output []string
	specs  *totals // of a Ginkgo suite
}

type pkg struct {
	started time.Time
	tests   map[string]*test
	order   []string
}

func (p *pkg) test(name string) *test {
	t, ok := p.tests[name]
	if !ok {
		t = &test{}
		p.tests[name] = t
		p.order = append(p.order, name)
		if i := strings.LastIndexByte(name, '/'); i > 0 {
			p.test(name[:i]).parent = true
		}
	}
	return t
}

// report collects events and writes the part of each package as soon as the package has ended.
type report struct {
	out     io.Writer
	total   totals
	running map[string]*pkg
	skips   []string
	broken  []string // packages, tests and specs that failed
	// untested counts the packages without a test of their own.
	untested int
}

func newReport(out io.Writer) *report { return &report{out: out, running: map[string]*pkg{}} }

func (r *report) add(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		fmt.Fprintf(r.out, "%s", line) // not an event
		return
	}
	if e.Action == "build-output" {
		fmt.Fprint(r.out, e.Output)
		return
	}
	if e.Package != "" {
		r.take(e)
	}
}

// take handles an event of a package.
func (r *report) take(e event) {
	p, ok := r.running[e.Package]
	if !ok {
		p = &pkg{started: time.Now(), tests: map[string]*test{}}
		r.running[e.Package] = p
	}
	t := p.test(e.Test)
	switch e.Action {
	case "output":
		t.output = append(t.output, e.Output)
		if ended, found := parseSpecs(e.Output); found {
			t.specs = &ended
		}
	case "pass", "fail", "skip":
		t.action = e.Action
		if e.Test == "" {
			r.finish(e.Package, p, e.Elapsed)
		}
	}
}

// specs stands for all specs of a suite, since the output of Ginkgo's command does not separate them.
const specs = "specs"

// begin records the start of a suite.
func (r *report) begin(suite string) {
	r.running[suite] = &pkg{started: time.Now(), tests: map[string]*test{}}
}

// say handles a line of a suite's output.
func (r *report) say(suite, line string) {
	r.take(event{Action: "output", Package: suite, Test: specs, Output: line})
}

// end writes the part of a suite.
func (r *report) end(suite string, took time.Duration, passed bool) {
	verdict := map[bool]string{true: "pass", false: "fail"}[passed]
	r.take(event{Action: verdict, Package: suite, Test: specs})
	r.take(event{Action: verdict, Package: suite, Elapsed: took.Seconds()})
}

// finish writes the part of a package.
func (r *report) finish(name string, p *pkg, elapsed float64) {
	delete(r.running, name)
	var sum totals
	for _, testName := range p.order {
		if testName != "" {
			sum.add(r.tally(name, testName, p.tests[testName]))
		}
	}
	self := p.test("")
	verdict := "ok"
	switch {
	case self.action == "fail":
		verdict = "FAIL"
		r.broken = append(r.broken, name)
		r.broken = append(r.broken, p.failing()...)
		sum.failed = max(sum.failed, 1) // a build that failed, a time-out, TestMain
		r.show(name, "", self)
	case sum == totals{}:
		r.untested++
		return
	}
	r.total.add(sum)
	fmt.Fprintf(r.out, "%-4s  %-60s %7.1fs  %s\n", verdict, name, elapsed, sum)
}

// failing returns the names of the package's innermost failed tests, and a suite's failed
// specs with the location of the failure.
func (p *pkg) failing() []string {
	var names []string
	for _, name := range p.order {
		t := p.tests[name]
		if name == "" || t.parent || t.action == "pass" || t.action == "skip" {
			continue
		}
		names = append(names, "  "+name)
		for _, line := range t.output {
			if m := failedSpec.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
				names = append(names, "    "+m[1])
			}
		}
	}
	return names
}

// tally counts a test, and prints it if it failed. For a test with subtests only these count.
func (r *report) tally(pkgName, testName string, t *test) (sum totals) {
	failed := t.action == "fail" || t.action == "" // without an end: the binary crashed in it
	if failed {
		r.show(pkgName, testName, t)
	}
	switch {
	case t.parent:
	case t.specs != nil:
		sum = *t.specs
		if failed && sum.failed == 0 { // failed outside the specs
			sum.failed = 1
		}
	case failed:
		sum.failed = 1
	case t.action == "skip":
		sum.skipped = 1
		r.skips = append(r.skips, pkgName+" "+testName+": "+reason(t.output))
	default:
		sum.passed = 1
	}
	return sum
}

func (r *report) show(pkgName, testName string, t *test) {
	if len(t.output) == 0 {
		return
	}
	if testName != "" {
		fmt.Fprintf(r.out, "\n===== %s %s\n", pkgName, testName)
	}
	for _, line := range t.output {
		fmt.Fprint(r.out, line)
	}
}

// waiting prints what has not ended yet.
func (r *report) waiting(w io.Writer) {
	if len(r.running) == 0 {
		fmt.Fprintln(w, "... building")
	}
	for _, name := range slices.Sorted(maps.Keys(r.running)) {
		fmt.Fprintf(w, "... %s, for %s\n", name, time.Since(r.running[name].started).Round(time.Second))
	}
}

// close writes the end of the report: its last line is the totals.
func (r *report) close() totals {
	for _, name := range slices.Sorted(maps.Keys(r.running)) { // go test itself crashed
		p := r.running[name]
		p.test("").action = "fail"
		r.finish(name, p, time.Since(p.started).Seconds())
	}
	if r.untested > 0 {
		fmt.Fprintf(r.out, "%d packages have no tests of their own\n", r.untested)
	}
	if len(r.skips) > 0 {
		fmt.Fprintln(r.out, "\nskipped:")
		for _, skip := range r.skips {
			fmt.Fprintln(r.out, "  "+skip)
		}
	}
	if len(r.broken) > 0 {
		fmt.Fprintln(r.out, "\nfailed:")
		for _, name := range r.broken {
			fmt.Fprintln(r.out, "  "+name)
		}
	}
	fmt.Fprintf(r.out, "\n%s\n", r.total)
	return r.total
}

// reason returns the message of a skipped test.
func reason(output []string) string {
	var said []string
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			said = append(said, line)
		}
	}
	return strings.Join(said, " ")
}

// failedSpec matches a failed spec in the summary at the end of a Ginkgo suite.
var failedSpec = regexp.MustCompile(`^\[(?:FAIL|TIMEDOUT|PANICKED!|INTERRUPTED|ABORTED)\] (.+)$`)

var specsLine = regexp.MustCompile(`(\d+) Passed \| (\d+) Failed \| (\d+) Pending \| (\d+) Skipped`)

// parseSpecs parses the last line of a Ginkgo suite.
func parseSpecs(line string) (totals, bool) {
	m := specsLine.FindStringSubmatch(line)
	if m == nil {
		return totals{}, false
	}
	n := make([]int, 4)
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1]) // the pattern ensures digits
	}
	return totals{passed: n[0], failed: n[1], skipped: n[2] + n[3]}, true
}
