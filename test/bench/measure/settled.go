// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package measure

import (
	"context"

	"github.com/appstack-dev/appstack/test/bench/cluster"
	"github.com/appstack-dev/appstack/test/bench/contender"
	"github.com/appstack-dev/appstack/test/bench/result"
)

var settled = Measure{
	Name: "settled",
	Doc:  "the requests and the processor time of stacks that are left alone, and of the operator's start with them",
	Plan: func(scale Scale) []result.Key { return alone("settled", scale.Settled, 1) },
	Run:  runSettled,
}

func runSettled(ctx context.Context, scale Scale, on *cluster.Cluster, sample *result.Sample) error {
	apps, err := watch(ctx, on)
	if err != nil {
		return err
	}
	who := contender.AppStack{}
	start := func() (*contender.Program, error) {
		return contender.Operator(ctx, on, "settled", "--resync="+scale.Resync.String())
	}
	program, err := start()
	if err != nil {
		return err
	}
	if err := apps.create(ctx, on, names(scale.Settled)); err != nil {
		return err
	}

	mark, err := on.Mark()
	if err != nil {
		return err
	}
	// nothing must happen in this time
	if err := spends(program, sample, "settled", func() error { return wait(ctx, scale.SettledFor) }); err != nil {
		return err
	}
	requests, err := on.Requests(mark, who.Agent())
	if err != nil {
		return err
	}
	count(sample, "settled", requests)

	if err := program.Stop(); err != nil {
		return err
	}
	if mark, err = on.Mark(); err != nil {
		return err
	}
	if program, err = start(); err != nil {
		return err
	}
	if requests, err = on.Settle(ctx, mark, who.Agent()); err != nil {
		return err
	}
	count(sample, "restart", requests)
	lists := 0
	for _, request := range requests {
		if request.Lists() {
			lists++
		}
	}
	sample.Values["restart.lists"] = float64(lists)
	used, err := program.CPU()
	if err != nil {
		return err
	}
	sample.Values["restart.cpu.seconds"] = used.Seconds()
	return program.Stop()
}
