// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package result stores samples, one per line, as soon as they are measured, so that
// an interrupted run can resume.
package result

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"time"
)

// Key identifies a sample.
type Key struct {
	// Measure is the name of the measure, such as "converge".
	Measure string `json:"measure"`
	// Setting is the setting of the control plane: "stock" or "unthrottled".
	Setting string `json:"setting"`
	// Contender is the name of the measured contender.
	Contender string `json:"contender"`
	// Size is the number of stacks.
	Size int `json:"size"`
	// Trial counts the repetitions from 1.
	Trial int `json:"trial"`
}

func (k Key) String() string {
	return fmt.Sprintf("%s, %s, %s, %d stacks, trial %d", k.Measure, k.Setting, k.Contender, k.Size, k.Trial)
}

// Sample is the result of one trial.
type Sample struct {
	Key
	// Values by name, with the unit as the last word: "create.seconds", "resident.bytes".
	Values map[string]float64 `json:"values"`
	// Repeats contains values that were measured several times on one cluster.
	Repeats map[string][]float64 `json:"repeats,omitempty"`
	// Counts contains the number of requests by phase, verb and resource.
	Counts map[string]map[string]int `json:"counts,omitempty"`
	// Series contains values over time, in seconds since the start.
	Series map[string][]Point `json:"series,omitempty"`
	// Version of the measured operator, and the time of the measurement.
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	// Took is how long the trial took, including the start of its cluster.
	Took float64 `json:"tookSeconds"`
}

// Point is a value at a time.
type Point struct {
	Second float64 `json:"second"`
	Value  float64 `json:"value"`
}

// New returns an empty sample.
func New(key Key) *Sample {
	return &Sample{
		Key: key, Values: map[string]float64{}, Repeats: map[string][]float64{},
		Counts: map[string]map[string]int{}, Series: map[string][]Point{},
	}
}

// Repeat adds a value that is measured several times.
func (s *Sample) Repeat(name string, value float64) { s.Repeats[name] = append(s.Repeats[name], value) }

// File keeps samples.
type File string

// Load reads the samples; none if there is no file yet.
func (f File) Load() (Samples, error) {
	file, err := os.Open(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the samples: %w", err)
	}
	defer func() { _ = file.Close() }()
	var all Samples
	decoder := json.NewDecoder(bufio.NewReader(file))
	for decoder.More() {
		var sample Sample
		if err := decoder.Decode(&sample); err != nil {
			return nil, fmt.Errorf("reading the samples of %s: %w", f, err)
		}
		all = append(all, sample)
	}
	return all, nil
}

// Add appends a sample.
func (f File) Add(sample *Sample) error {
	line, err := json.Marshal(sample)
	if err != nil {
		return fmt.Errorf("encoding a sample: %w", err)
	}
	file, err := os.OpenFile(string(f), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("writing a sample: %w", err)
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Close())
}

// Samples is a list of samples.
type Samples []Sample

// Where returns the samples that the filter accepts.
func (s Samples) Where(take func(Key) bool) Samples {
	return slices.DeleteFunc(slices.Clone(s), func(sample Sample) bool { return !take(sample.Key) })
}

// OfVersion returns the samples of that version of the operator.
func (s Samples) OfVersion(version string) Samples {
	return slices.DeleteFunc(slices.Clone(s), func(sample Sample) bool { return sample.Version != version })
}

// Has reports whether there is a sample with the key.
func (s Samples) Has(key Key) bool {
	return slices.ContainsFunc(s, func(sample Sample) bool { return sample.Key == key })
}

// Summary summarizes the values of several trials.
type Summary struct {
	Median, Least, Most float64
	// Trials is their number; 0 if the value was not measured.
	Trials int
}

// Of summarizes the value over the samples that have it.
func (s Samples) Of(name string) Summary {
	var values []float64
	for _, sample := range s {
		if value, found := sample.Values[name]; found {
			values = append(values, value)
		}
		values = append(values, sample.Repeats[name]...)
	}
	if len(values) == 0 {
		return Summary{}
	}
	slices.Sort(values)
	return Summary{Median: Quantile(values, 0.5), Least: values[0], Most: values[len(values)-1], Trials: len(values)}
}

// Quantile returns a quantile of values in ascending order. It interpolates between the two nearest (type 7 of Hyndman and Fan).
func Quantile(sorted []float64, q float64) float64 {
	position := q * float64(len(sorted)-1)
	below := int(math.Floor(position))
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (position-float64(below))*(sorted[above]-sorted[below])
}
