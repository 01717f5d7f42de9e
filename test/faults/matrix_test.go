// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package faults_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/test/faults"
	"github.com/appstack-dev/appstack/test/operator"
	"github.com/appstack-dev/appstack/test/oracle"
	"github.com/appstack-dev/appstack/test/world"
)

const (
	// atOnce is the number of concurrent runs. They mostly wait.
	atOnce = 10
	// calibrations is the number of runs without a fault that determine the end of a workload.
	calibrations = 2
	// retries is the number of additional writes that a fault may cause, besides those that
	// failed: repeated dry runs before a rollout starts, writes that another operator repeats
	// because it knows only what is stored, and statuses that report them.
	retries = 20
)

// point is one fault at one write of one workload, with its result.
type point struct {
	workload workload
	fault    faults.Fault
	n        int

	// struck is the first write that failed.
	struck string
	// writes is the number of writes that did not fail.
	writes int
	diff   string
	wrong  []string
	err    error
}

func (p point) String() string {
	return fmt.Sprintf("%s, %s at write %d (%s)", p.workload.name, p.fault.Name, p.n, cmp.Or(p.struck, "not reached"))
}

// peace is the end of a workload without a fault.
type peace struct {
	state  string
	writes []string
}

var _ = Describe("Whatever write goes wrong, in whatever way", func() {
	for _, w := range workloads {
		It(w.name+": comes to the same end, and stays there (R2, R3, R5, R8, R9, R12, R13, R16, R27)", func(ctx SpecContext) {
			expected := calibrate(ctx, w)
			points := chosen(w, len(expected.writes))
			namespaces := tryAll(ctx, points, expected)
			DeferCleanup(removeAll, namespaces)
			table := report(w, points, expected)
			AddReportEntry(w.name, table)
			for _, p := range points {
				Expect(p.err).NotTo(HaveOccurred(), "%s", p)
				Expect(p.wrong).To(BeEmpty(), "%s", p)
				Expect(p.diff).To(BeEmpty(), "%s\nhas another end (- expected, + found):\n%s", p, p.diff)
				Expect(p.writes).To(BeNumerically("<=", len(expected.writes)+retries), "writes of %s", p)
			}
			Expect(operator.Panics()).To(BeZero())
			staysStill(ctx, namespaces)
		}, SpecTimeout(40*time.Minute))
	}
})

// calibrate runs the workload without a fault. All runs must have the same end. It keeps the largest
// number of writes, because some of them depend on timing.
func calibrate(ctx context.Context, w workload) peace {
	GinkgoHelper()
	var expected peace
	for range calibrations {
		r, end, err := play(ctx, w, 0, faults.Fault{}, expected.state)
		Expect(err).NotTo(HaveOccurred(), "%s without a fault", w.name)
		Expect(r.end()).To(Succeed())
		Expect(end.wrong).To(BeEmpty(), "%s without a fault", w.name)
		if expected.state != "" {
			Expect(oracle.Diff(expected.state, end.state)).To(BeEmpty(), "%s without a fault, twice", w.name)
		}
		expected.state = end.state
		if made := r.injector.Writes(); len(made) > len(expected.writes) {
			expected.writes = made
		}
		removeAll(ctx, []string{r.namespace})
	}
	return expected
}

// chosen returns the points of a workload: all, or one in FAULTS_SHARE, in an order from FAULTS_SEED.
// FAULTS_PART selects which of the shares, 1 by default. All parts together are all points.
func chosen(w workload, writes int) []*point {
	GinkgoHelper()
	number := func(variable string) uint64 {
		n, err := strconv.ParseUint(cmp.Or(os.Getenv(variable), "1"), 10, 64)
		Expect(err).NotTo(HaveOccurred(), "%s is a number", variable)
		return n
	}
	share, part, seed := number("FAULTS_SHARE"), number("FAULTS_PART"), number("FAULTS_SEED")
	Expect(part).To(And(BeNumerically(">=", 1), BeNumerically("<=", share)), "FAULTS_PART is one of the %d of FAULTS_SHARE", share)
	var all []*point
	for _, fault := range faults.All() {
		for n := 1; n <= writes; n++ {
			all = append(all, &point{workload: w, fault: fault, n: n})
		}
	}
	random := rand.New(rand.NewPCG(seed, uint64(len(w.name)))) //nolint:gosec // to be repeated
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var points []*point
	for i, p := range all {
		if uint64(i)%share == part-1 {
			points = append(points, p)
		}
	}
	return points
}

// tryAll tries the points, several at a time, and returns their namespaces.
func tryAll(ctx context.Context, points []*point, expected peace) []string {
	var (
		group      sync.WaitGroup
		mu         sync.Mutex
		namespaces []string
	)
	next := make(chan *point)
	for range atOnce {
		group.Go(func() {
			for p := range next {
				r := p.try(ctx, expected)
				if r != nil {
					mu.Lock()
					namespaces = append(namespaces, r.namespace)
					mu.Unlock()
				}
			}
		})
	}
	for _, p := range points {
		next <- p
	}
	close(next)
	group.Wait()
	return namespaces
}

// try tries a point.
func (p *point) try(ctx context.Context, expected peace) *run {
	r, end, err := play(ctx, p.workload, p.n, p.fault, expected.state)
	if r == nil {
		p.err = err
		return nil
	}
	p.err = err
	if stopped := r.end(); p.err == nil {
		p.err = stopped
	}
	struck := r.injector.Struck()
	if len(struck) > 0 {
		p.struck = struck[0]
	}
	p.writes, p.wrong = len(r.injector.Writes())-len(struck), end.wrong
	if p.err == nil {
		p.diff = oracle.Diff(expected.state, end.state)
	}
	return r
}

// report returns the table of a workload, and adds it to bin/reports/faults.txt.
func report(w workload, points []*point, expected peace) string {
	GinkgoHelper()
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %d writes without a fault\n", w.name, len(expected.writes))
	fmt.Fprintf(&text, "  %-18s %7s %7s %10s %10s %22s\n", "fault", "points", "struck", "converged", "differing", "extra writes (most)")
	for _, fault := range faults.All() {
		var tried, struck, converged, differing, extra, most int
		for _, p := range points {
			if p.fault.Name != fault.Name {
				continue
			}
			tried++
			if p.struck != "" {
				struck++
			}
			if p.err == nil && p.diff == "" && len(p.wrong) == 0 {
				converged++
			} else {
				differing++
			}
			more := max(0, p.writes-len(expected.writes))
			extra += more
			most = max(most, more)
		}
		if tried > 0 {
			fmt.Fprintf(&text, "  %-18s %7d %7d %10d %10d %16d (%3d)\n", fault.Name, tried, struck, converged, differing, extra, most)
		}
	}
	for _, p := range points {
		if p.err != nil || p.diff != "" || len(p.wrong) > 0 {
			fmt.Fprintf(&text, "%s:\n  %v\n  %s\n  %s\n", p, p.err, strings.Join(p.wrong, "\n  "), strings.ReplaceAll(p.diff, "\n", "\n  "))
		}
	}
	path := filepath.Join(world.Root(), "bin", "reports", "faults", strings.ReplaceAll(w.name, " ", "-")+".txt")
	Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
	Expect(os.WriteFile(path, []byte(text.String()), 0o600)).To(Succeed())
	return text.String()
}

// stillness is how long nothing may be written in the namespaces of the runs.
func stillness() time.Duration {
	GinkgoHelper()
	duration, err := time.ParseDuration(cmp.Or(os.Getenv("FAULTS_STILL"), "2m"))
	Expect(err).NotTo(HaveOccurred(), "FAULTS_STILL is a duration, such as 2m")
	return duration
}

// staysStill starts one operator for all namespaces of the runs, which reconciles every stack
// repeatedly, and checks that it writes nothing.
func staysStill(ctx context.Context, namespaces []string) {
	GinkgoHelper()
	if len(namespaces) == 0 {
		return // deleting a stack costs no write (R27)
	}
	versions := func() string {
		var all []string
		for _, namespace := range namespaces {
			now, err := oracle.Read(ctx, world.Kube, namespace)
			Expect(err).NotTo(HaveOccurred())
			all = append(all, now.Versions())
		}
		return strings.Join(all, "\n")
	}
	before := versions()
	var counter faults.Injector
	counter.Arm(0, faults.Fault{})
	way, _ := counter.Connect(config)
	passes := operator.Reconciled()
	stop, err := operator.Start(context.Background(), way, operator.Options{Namespaces: namespaces, Resync: 5 * time.Second})
	Expect(err).NotTo(HaveOccurred())
	defer func() { Expect(stop()).To(Succeed()) }()
	Consistently(ctx, counter.Writes).WithTimeout(stillness()).WithPolling(time.Second).Should(BeEmpty())
	Expect(operator.Reconciled()-passes).To(BeNumerically(">=", len(namespaces)), "it looks at each of them")
	Expect(oracle.Diff(before, versions())).To(BeEmpty(), "resource versions")
}

// removeAll deletes the namespaces.
func removeAll(ctx context.Context, namespaces []string) {
	GinkgoHelper()
	for _, name := range namespaces {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		Expect(client.IgnoreNotFound(world.Kube.Delete(ctx, namespace))).To(Succeed())
	}
}
