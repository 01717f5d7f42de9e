// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package measure measures contenders on clusters: each measure plans its
// trials, and carries them out one by one.
package measure

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/appstack-dev/appstack/test/bench/cluster"
	"github.com/appstack-dev/appstack/test/bench/contender"
	"github.com/appstack-dev/appstack/test/bench/result"
)

// The settings of the control plane.
const (
	Unthrottled = "unthrottled"
	Stock       = "stock"
)

// limit is how long a trial may take, its steps that last by themselves aside.
const limit = 90 * time.Minute

// Measure is one kind of measurement.
type Measure struct {
	// Name of the measure, and in words what it measures.
	Name, Doc string
	// Plan lists the trials.
	Plan func(Scale) []result.Key
	// Run carries one out, on a cluster that is fresh.
	Run func(context.Context, Scale, *cluster.Cluster, *result.Sample) error
}

// All are the measures, in the order in which they are made.
func All() []Measure {
	return []Measure{stored, latency, settled, foreign, config, memory, soak, converge}
}

// Bench makes measurements.
type Bench struct {
	// Root is the folder of the repository.
	Root string
	// Scale says how much is measured.
	Scale Scale
	// File has what was measured before, and gets what is measured.
	File result.File
	// Version of the operator. Samples of another one count for nothing.
	Version string
}

// Run carries out the trials of the measures that are not in the file yet.
func (b Bench) Run(ctx context.Context, measures []Measure) error {
	all, err := b.File.Load()
	if err != nil {
		return err
	}
	done := all.OfVersion(b.Version)
	for _, measure := range measures {
		for _, key := range measure.Plan(b.Scale) {
			if done.Has(key) {
				log.Printf("%s: measured before", key)
				continue
			}
			if err := b.trial(ctx, measure, key); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	return nil
}

func (b Bench) trial(ctx context.Context, measure Measure, key result.Key) (err error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit+b.Scale.Soak+b.Scale.SettledFor)
	defer cancel()
	on, err := cluster.Start(ctx, cluster.Settings{Root: b.Root, Stock: key.Setting == Stock})
	if err != nil {
		return err
	}
	defer func() {
		if stopErr := on.Stop(context.WithoutCancel(ctx)); err == nil {
			err = stopErr
		}
	}()
	sample := result.New(key)
	sample.Version, sample.At = b.Version, began.UTC().Truncate(time.Second)
	running, end := context.WithCancel(ctx)
	defer end() // before the cluster
	if err := measure.Run(running, b.Scale, on, sample); err != nil {
		return err
	}
	sample.Took = time.Since(began).Seconds()
	log.Printf("%s: took %.0f s", key, sample.Took)
	return b.File.Add(sample)
}

// alone plans trials of AppStack alone.
func alone(measure string, size, trials int) []result.Key {
	keys := make([]result.Key, trials)
	for i := range keys {
		keys[i] = result.Key{
			Measure: measure, Setting: Unthrottled, Contender: contender.AppStack{}.Name(), Size: size, Trial: i + 1,
		}
	}
	return keys
}
