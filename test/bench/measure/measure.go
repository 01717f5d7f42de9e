// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package measure measures contenders on clusters: each measure plans its
// trials, and runs them one by one.
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

// limit is how long a trial may take, without its steps of fixed duration.
const limit = 90 * time.Minute

// Measure is one kind of measurement.
type Measure struct {
	// Name of the measure, and a description.
	Name, Doc string
	// Plan lists the trials.
	Plan func(Scale) []result.Key
	// Run runs one trial on a fresh cluster.
	Run func(context.Context, Scale, *cluster.Cluster, *result.Sample) error
}

// All returns the measures in the order in which they run.
func All() []Measure {
	return []Measure{stored, latency, settled, foreign, config, memory, soak, converge}
}

// Bench runs measures.
type Bench struct {
	// Root is the root folder of the repository.
	Root string
	// Scale is the scale of the measures.
	Scale Scale
	// File contains earlier samples, and receives the new ones.
	File result.File
	// Version of the operator. Samples of other versions are ignored.
	Version string
}

// Run runs the trials of the measures that are not yet in the file.
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

// alone plans trials of AppStack only.
func alone(measure string, size, trials int) []result.Key {
	keys := make([]result.Key, trials)
	for i := range keys {
		keys[i] = result.Key{
			Measure: measure, Setting: Unthrottled, Contender: contender.AppStack{}.Name(), Size: size, Trial: i + 1,
		}
	}
	return keys
}
