// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package faults_test

import (
	"context"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/appstack-dev/appstack/test/faults"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/oracle"
)

// Two operators work at the same time if one is stopped for longer than its lease lasts, and
// continues: it does not know yet that another one leads. Its pending write is outdated, and must
// not undo the work of the other one.
var _ = Describe("An operator that goes on when another leads already", func() {
	It("writes nothing of what it was about to, whichever write that was", func(ctx SpecContext) {
		w := named("update")
		expected := calibrate(ctx, w)
		after := calibrate(ctx, workload{name: "and another", before: append(w.before, w.acts...), acts: []act{changed(Image("my-app:3"))}})

		var group sync.WaitGroup
		results := make([]lateWrite, len(expected.writes))
		turns := make(chan struct{}, atOnce)
		for n := range results {
			group.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				results[n] = tryLate(ctx, w, n+1, after.state)
			})
		}
		group.Wait()

		held := 0
		for n, late := range results {
			Expect(late.err).NotTo(HaveOccurred(), "write %d", n+1)
			if late.request == "" {
				continue // not reached: that run had fewer writes
			}
			held++
			AddReportEntry("late: "+late.request, late.answer)
			Expect(late.wrong).To(BeEmpty(), "late: %s", late.request)
			Expect(late.diff).To(BeEmpty(), "late: %s: - expected, + found", late.request)
			if !strings.HasSuffix(late.request, "(tried)") {
				Expect(late.answer).To(BeElementOf("409 Conflict", "404 Not Found"), "late: %s", late.request)
			}
		}
		Expect(held).To(BeNumerically(">", len(expected.writes)/2))
	}, SpecTimeout(10*time.Minute))
})

// lateWrite is a write that an operator was about to send when it was stopped, with its result.
type lateWrite struct {
	request, answer, diff string
	wrong                 []string
	err                   error
}

// tryLate stops an operator at its n-th write of the workload. Another one completes the workload and a
// further change; then the first one continues.
func tryLate(ctx context.Context, w workload, n int, want string) (late lateWrite) {
	r, err := begin(ctx, w, config)
	if err != nil {
		return lateWrite{err: err}
	}
	defer removeAll(ctx, []string{r.namespace})
	fault, held := faults.Late()
	r.injector.Arm(n, fault)
	fail := func(err error) lateWrite {
		late.err = err
		held.Release()
		_ = r.end() // it has failed already
		return late
	}
	for _, act := range w.acts {
		if err := act.by(ctx, r.namespace); err != nil {
			return fail(err)
		}
	}
	stopped := false
	err = poll(ctx, patience, func() (bool, error) {
		stopped = held.Request() != ""
		over := true
		for _, act := range w.acts {
			_, ended := act.stands(ctx, r.namespace)
			over = over && ended
		}
		return stopped || over, nil
	})
	if err != nil {
		return fail(err)
	}
	if !stopped {
		return fail(nil)
	}
	late.request = held.Request()

	other := &run{namespace: r.namespace, by: config}
	if err := other.start(); err != nil {
		return fail(err)
	}
	defer func() { _ = other.end() }() // the second time it is nothing
	for _, act := range w.acts {
		if err := act.await(ctx, r.namespace, patience); err != nil {
			return fail(err)
		}
	}
	if err := other.do(ctx, changed(Image("my-app:3"))); err != nil {
		return fail(err)
	}
	held.Release()
	late.answer, late.err = held.Answer(ctx)
	if err := r.end(); late.err == nil {
		late.err = err
	}
	end, err := other.settle(ctx, want)
	if late.err == nil {
		late.err = err
	}
	late.wrong, late.diff = end.wrong, oracle.Diff(want, end.state)
	if err := other.end(); late.err == nil {
		late.err = err
	}
	return late
}
