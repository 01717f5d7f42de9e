// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/appstack-dev/appstack/test/bench/measure"
	"github.com/appstack-dev/appstack/test/bench/result"
)

// Verdict is the result of comparing a measured value with its goal.
type Verdict string

// The verdicts.
const (
	Met         Verdict = "met"
	Missed      Verdict = "**missed**"
	NotMeasured Verdict = "not measured"
	NoGoal      Verdict = "–"
)

// Row is a goal with the measured value.
type Row struct {
	ID, Measure, Goal, Measured string
	Verdict                     Verdict
}

// historyLimit is the default number of revisions that a stack keeps besides the running one.
const historyLimit = 10

// Goals compares the samples with the goals.
func Goals(samples result.Samples) []Row {
	g := goals{samples: samples}
	for _, setting := range []struct {
		name string
		goal float64
	}{{measure.Stock, 1.05}, {measure.Unthrottled, 1.25}} {
		for _, size := range g.sizes(setting.name) {
			g.ratio("P1", fmt.Sprintf("time to converge %s stacks, %s, vs raw", thousands(size), setting.name),
				g.converge(setting.name, "appstack", size), g.converge(setting.name, "raw", size), "create.seconds", setting.goal)
		}
	}
	g.linear()
	for _, phase := range []struct {
		id, name       string
		writes, events float64
	}{{"P2", "create", 6, 2}, {"P3", "update", 5, 2}, {"P3", "rollback", 4, 2}} {
		size := g.middle()
		each := g.converge(measure.Unthrottled, "appstack", size)
		g.most(phase.id, phase.name+": writes per stack, without dry runs",
			each.Of(phase.name+".writes").over(size), phase.writes, 2, "")
		g.most(phase.id, phase.name+": events per stack", each.Of(phase.name+".events").over(size), phase.events, 2, "")
		if phase.name == "create" {
			g.most("P2", "create: reads per child, two per stack (a Service's name is checked before it is used)",
				each.Of("create.reads.children").over(2*size), 1, 2, "")
		}
	}
	g.settled()
	g.memory()
	g.latencies()
	g.processorTime()
	g.soak()
	g.stored()
	return g.rows
}

type goals struct {
	samples result.Samples
	rows    []Row
}

// row adds a row without a measured value.
func (g *goals) row(id, what, goal string) *Row {
	g.rows = append(g.rows, Row{ID: id, Measure: what, Goal: goal, Measured: "–", Verdict: NotMeasured})
	return &g.rows[len(g.rows)-1]
}

// is sets the measured value, and whether it meets the goal.
func (r *Row) is(measured string, met bool) {
	r.Measured, r.Verdict = measured, Missed
	if met {
		r.Verdict = Met
	}
}

// most adds a row whose goal is a maximum of the median.
func (g *goals) most(id, what string, measured summary, goal float64, decimals int, unit string) {
	row := g.row(id, what, "≤ "+number(goal, decimalsOf(goal))+unit)
	if measured.Trials > 0 {
		row.is(measured.text(decimals)+unit, measured.Median <= goal)
	}
}

// tell adds a row, if measured, that explains the row before and has no goal.
func (g *goals) tell(id, what string, measured summary, decimals int, unit string) {
	if measured.Trials > 0 {
		g.rows = append(g.rows, Row{ID: id, Measure: what, Goal: "–", Measured: measured.text(decimals) + unit, Verdict: NoGoal})
	}
}

// ratio adds a row whose goal is a maximum of the ratio of two medians.
func (g *goals) ratio(id, what string, ours, theirs samples, name string, goal float64) {
	a, b := ours.Of(name), theirs.Of(name)
	row := g.row(id, what, fmt.Sprintf("≤ %s ×", number(goal, 2)))
	if a.Trials > 0 && b.Trials > 0 {
		row.is(fmt.Sprintf("%.2f × (%s s against %s s)", a.Median/b.Median, a.text(1), b.text(1)), a.Median/b.Median <= goal)
	}
}

func (g *goals) converge(setting, who string, size int) samples {
	return samples{g.samples.Where(func(k result.Key) bool {
		return k.Measure == "converge" && k.Setting == setting && k.Contender == who && k.Size == size
	})}
}

func (g *goals) of(name string) samples {
	return samples{g.samples.Where(func(k result.Key) bool { return k.Measure == name })}
}

// sizes returns the measured sizes in the setting.
func (g *goals) sizes(setting string) []int {
	var all []int
	for _, sample := range g.of("converge").Samples {
		if sample.Setting == setting {
			all = append(all, sample.Size)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// middle returns the size for which requests and CPU time are reported: 1,000, or the largest below.
func (g *goals) middle() int {
	size := 0
	for _, other := range g.sizes(measure.Unthrottled) {
		if other <= 1000 {
			size = other
		}
	}
	return size
}

// linear compares the time per stack between each two successive sizes.
func (g *goals) linear() {
	const what, goal = "time per stack, many stacks against few", "linear: ≤ 1.25 ×"
	sizes := g.sizes(measure.Unthrottled)
	if len(sizes) < 2 {
		g.row("P1", what, goal)
	}
	for i := 1; i < len(sizes); i++ {
		few, many := sizes[i-1], sizes[i]
		row := g.row("P1", fmt.Sprintf("%s (%s against %s)", what, thousands(many), thousands(few)), goal)
		if a, b := g.each("appstack", few), g.each("appstack", many); a.Trials > 0 && b.Trials > 0 {
			row.is(fmt.Sprintf("%.2f × (%.1f ms against %.1f ms%s)",
				b.Median/a.Median, b.Median*1000, a.Median*1000, g.rawGrowth(few, many)), b.Median/a.Median <= 1.25)
		}
	}
}

// each returns the create time per stack at that size.
func (g *goals) each(who string, size int) summary {
	return g.converge(measure.Unthrottled, who, size).Of("create.seconds").over(size)
}

// rawGrowth reports how time per stack grows for the raw client, if measured: a larger cluster is itself slower.
func (g *goals) rawGrowth(few, many int) string {
	a, b := g.each("raw", few), g.each("raw", many)
	if a.Trials == 0 || b.Trials == 0 {
		return ""
	}
	return fmt.Sprintf("; raw %.2f ×", b.Median/a.Median)
}

func (g *goals) settled() {
	all := g.of("settled")
	what := "settled stacks"
	if size := all.size(); size > 0 {
		what = fmt.Sprintf("%s settled stacks, reconciled repeatedly for %s s",
			thousands(size), number(all.Of("settled.seconds").Median, 0))
	}
	g.most("P4", what+": writes", all.Of("settled.writes"), 0, 0, "")
	g.most("P4", what+": reads", all.Of("settled.reads"), 0, 0, "")
	g.most("P4", "restart of the operator: writes", all.Of("restart.writes"), 0, 0, "")
	g.most("P4", "restart of the operator: lists, 1 per kind", all.Of("restart.lists"), 6, 0, "")
	g.most("P4", "restart of the operator: other reads, such as for discovery",
		all.Of("restart.reads").minus(all.Of("restart.lists").Median), 2, 0, "")
}

func (g *goals) memory() {
	all := g.of("memory")
	empty := all.Of("0.leader.resident.bytes")
	g.most("P5", "resident memory of the leader without stacks", empty.times(1e-6), 40, 1, " MB")
	for _, role := range []string{"leader", "standby"} {
		base := all.Of("0." + role + ".resident.bytes")
		for _, size := range g.memorySizes() {
			measured := all.Of(fmt.Sprintf("%d.%s.resident.bytes", size, role))
			g.most("P5", fmt.Sprintf("%s stacks with history, %s: memory per stack beyond that with no stacks", thousands(size), role),
				measured.minus(base.Median).over(size).times(1e-3), 25, 1, " KB")
		}
	}
	there := 0
	for _, size := range g.memorySizes() {
		g.most("P5", fmt.Sprintf("peak memory of the leader while %s stacks are added at once to %s existing, against GOMEMLIMIT",
			thousands(size-there), thousands(there)), all.Of(fmt.Sprintf("%d.released.peak.bytes", size)).times(1e-6), 482, 0, " MB")
		there = size
	}
	foreign := g.of("foreign")
	g.most("P6", fmt.Sprintf("%s unrelated Deployments, Secrets, pods each: added memory", thousands(foreign.size())),
		foreign.Of("with.resident.bytes").minus(foreign.Of("without.resident.bytes").Median).times(1e-6), 5, 1, " MB")
	// renewing the lease and serving metrics take CPU time without these objects, too
	idle := foreign.Of("idle.cpu.seconds").Median / foreign.Of("idle.seconds").Median
	made := foreign.Of("made.cpu.seconds").minus(idle * foreign.Of("made.seconds").Median)
	g.most("P6", "the same: processor time while they are created, beyond that when idle", made, 0.5, 2, " s")
}

func (g *goals) memorySizes() []int {
	var sizes []int
	for _, sample := range g.of("memory").Samples {
		for name := range sample.Repeats {
			var size int
			if _, err := fmt.Sscanf(name, "%d.leader.resident.bytes", &size); err == nil && size > 0 {
				sizes = append(sizes, size)
			}
		}
	}
	slices.Sort(sizes)
	return slices.Compact(sizes)
}

func (g *goals) latencies() {
	all := g.of("latency")
	while := fmt.Sprintf("the same while %s others roll, p99", thousands(all.size()))
	const mass = "the same while hundreds are released at once, again and again, p99"
	for _, row := range []struct {
		id, what, name string
		goal           float64
	}{
		{"P7", "changed spec → Deployment patched, idle, p50", "change.idle.p50.ms", 25},
		{"P7", "changed spec → Deployment patched, idle, p99", "change.idle.p99.ms", 100},
		{"P7", while, "change.rolling.p99.ms", 500},
		{"P7", mass, "change.storm.p99.ms", 500},
		{"P8", "failed pod → Deployment patched back, idle, p50", "failure.idle.p50.ms", 100},
		{"P8", "failed pod → Deployment patched back, idle, p99", "failure.idle.p99.ms", 500},
		{"P8", while, "failure.rolling.p99.ms", 2000},
		{"P8", mass, "failure.storm.p99.ms", 2000},
	} {
		g.most(row.id, row.what, all.Of(row.name), row.goal, 0, " ms")
		if name, idle := strings.CutSuffix(row.name, ".idle.p50.ms"); idle {
			g.tell(row.id, "of that, outside the API server: the operator's own time, and its delay in seeing the change",
				all.Of(name+".idle.own.p50.ms"), 0, " ms")
		}
	}
	memory := g.of("memory")
	g.most("P9", fmt.Sprintf("the leader of %s stacks gets SIGTERM → a waiting change is served", thousands(memory.size())),
		memory.Of("failover.terminated.seconds"), 2.5, 1, " s")
	g.most("P9", "the same with SIGKILL, goal: the lease plus 2 s", memory.Of("failover.killed.seconds"), 17, 1, " s")
}

func (g *goals) processorTime() {
	size := g.middle()
	for _, phase := range []string{"create", "update"} {
		ours, theirs := g.converge(measure.Unthrottled, "appstack", size), g.converge(measure.Unthrottled, "raw", size)
		g.ratio("P10", fmt.Sprintf("%s of %s stacks: processor time of the API server, against raw", phase, thousands(size)),
			ours, theirs, phase+".cpu.kube-apiserver.seconds", 1.5)
	}
}

// soak compares the last quarter of the samples with the second one. A flat value
// grows by at most a twentieth.
func (g *goals) soak() {
	for _, held := range []struct {
		what, name string
		// A value is multiplied by factor, and shown with that many decimals and the unit.
		factor   float64
		decimals int
		unit     string
	}{
		{"resident memory", "resident.bytes", 1e-6, 1, " MB"},
		{"heap", "heap.bytes", 1e-6, 1, " MB"},
		{"goroutines", "goroutines", 1, 0, ""},
		{"series of metrics", "series", 1, 0, ""},
	} {
		row := g.row("P11", "soak: "+held.what, "flat: ≤ 1.05 ×")
		for _, sample := range g.of("soak").Samples {
			points := sample.Series[held.name]
			if len(points) < 8 {
				continue
			}
			quarter := len(points) / 4
			early, late := median(points[quarter:2*quarter]), median(points[3*quarter:])
			row.Measure = fmt.Sprintf("%s stacks change for %s s: %s, last quarter against the second",
				thousands(sample.Size), number(sample.Values["soak.seconds"], 0), held.what)
			row.is(fmt.Sprintf("%.3f × (%s%s against %s%s)", late/early,
				number(late*held.factor, held.decimals), held.unit, number(early*held.factor, held.decimals), held.unit), late/early <= 1.05)
		}
	}
}

func (g *goals) stored() {
	all := g.of("stored")
	row := g.row("P12", "bytes in etcd for a stack after 50 updates", "≤ 11 × a revision + 20 KB")
	if total := all.Of("stored.bytes"); total.Trials > 0 {
		one := all.Of("revision.bytes").Median
		goal := (historyLimit+1)*one + 20e3
		row.is(fmt.Sprintf("%.1f KB, of %.1f KB", total.Median/1e3, goal/1e3), total.Median <= goal)
	}
}
