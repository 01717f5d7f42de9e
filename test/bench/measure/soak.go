// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package measure

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/appstack-dev/appstack/test/bench/cluster"
	"github.com/appstack-dev/appstack/test/bench/contender"
	"github.com/appstack-dev/appstack/test/bench/result"
)

var soak = Measure{
	Name: "soak",
	Doc:  "whether memory, goroutines and series of metrics stay flat while stacks change all the time",
	Plan: func(scale Scale) []result.Key { return alone("soak", scale.Soaked, 1) },
	Run:  runSoak,
}

// samples is the number of samples per soak.
const samples = 60

func runSoak(ctx context.Context, scale Scale, on *cluster.Cluster, sample *result.Sample) error {
	apps, err := watch(ctx, on)
	if err != nil {
		return err
	}
	one, err := (&managers{on: on}).start(ctx)
	if err != nil {
		return err
	}
	if err := one.leads(ctx); err != nil {
		return err
	}
	all := names(scale.Soaked)
	if err := apps.create(ctx, on, all); err != nil {
		return err
	}
	churning, stop := context.WithTimeout(ctx, scale.Soak)
	defer stop()
	churn := make(chan error, 1)
	go func() { churn <- keepChanging(churning, apps, all, scale.SoakRate) }()
	began := time.Now()
	ticker := time.NewTicker(scale.Soak / samples)
	defer ticker.Stop()
	for churning.Err() == nil {
		select {
		case <-churning.Done():
		case <-ticker.C:
			if err := one.observe(ctx, time.Since(began).Seconds(), sample); err != nil {
				return err
			}
		}
	}
	if err := <-churn; err != nil {
		return err
	}
	sample.Values["soak.seconds"] = scale.Soak.Seconds()
	return one.Stop()
}

// observe adds the manager's memory and other resources to the series.
func (m manager) observe(ctx context.Context, second float64, sample *result.Sample) error {
	held, err := m.memory(ctx)
	if err != nil {
		return err
	}
	values, err := scrape(ctx, m.metrics)
	if err != nil {
		return err
	}
	for name, value := range map[string]float64{
		"resident.bytes": float64(held.Resident),
		"heap.bytes":     values["go_memstats_heap_alloc_bytes"],
		"goroutines":     values["go_goroutines"],
		"series":         values[series],
	} {
		sample.Series[name] = append(sample.Series[name], result.Point{Second: second, Value: value})
	}
	return nil
}

// keepChanging changes one stack after the other, rate times a second: most
// get another image, some another number of replicas, and some are deleted and
// created again with a new name.
func keepChanging(ctx context.Context, apps *fleet, all []string, rate int) error {
	dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same changes each time
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := change(ctx, apps, dice, all, n); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

func change(ctx context.Context, apps *fleet, dice *rand.Rand, all []string, n int) error {
	at := dice.IntN(len(all))
	switch dice.IntN(10) {
	case 0:
		stack := contender.Stack(all[at], firstImage)
		if err := apps.kube.Delete(ctx, stack); err != nil {
			return fmt.Errorf("deleting stack %s: %w", all[at], err)
		}
		all[at] = fmt.Sprintf("app-again-%05d", n)
		return contender.AppStack{}.Create(ctx, apps.kube, all[at], firstImage)
	case 1, 2:
		return contender.Change(ctx, apps.kube, all[at], fmt.Sprintf(`{"spec":{"replicas":%d}}`, 1+dice.IntN(3)))
	default:
		return contender.AppStack{}.Update(ctx, apps.kube, all[at], fmt.Sprintf("my-app:%d", n))
	}
}
