// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package result keeps what was measured: one sample a line, written as soon as
// it is there, so that a run which was interrupted goes on where it was.
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

// Key says what a sample is of.
type Key struct {
	// Measure is the name of the measure, such as "converge".
	Measure string `json:"measure"`
	// Setting is that of the control plane: "stock", or "unthrottled".
	Setting string `json:"setting"`
	// Contender is who was measured.
	Contender string `json:"contender"`
	// Size is the number of stacks.
	Size int `json:"size"`
	// Trial counts the repetitions from 1.
	Trial int `json:"trial"`
}

func (k Key) String() string {
	return fmt.Sprintf("%s, %s, %s, %d stacks, trial %d", k.Measure, k.Setting, k.Contender, k.Size, k.Trial)
}

// Sample is what one trial measured.
type Sample struct {
	Key
	// Values by name, with the unit as the last word: "create.seconds", "resident.bytes".
	Values map[string]float64 `json:"values"`
	// Repeats are values that were measured several times on one cluster.
	Repeats map[string][]float64 `json:"repeats,omitempty"`
	// Counts are requests by what they were, for those who want to know which.
	Counts map[string]map[string]int `json:"counts,omitempty"`
	// Series are values over time, in seconds since the begin.
	Series map[string][]Point `json:"series,omitempty"`
	// Version of what was measured, and the time of the measurement.
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	// Took is how long the trial took, with the start of its cluster.
	Took float64 `json:"tookSeconds"`
}

// Point is a value at a time.
type Point struct {
	Second float64 `json:"second"`
	Value  float64 `json:"value"`
}

// New is an empty sample.
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

// Load reads the samples; none where there is no file yet.
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

// Add writes a sample behind the others.
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

// Samples are some of them.
type Samples []Sample

// Where are those that the filter takes.
func (s Samples) Where(take func(Key) bool) Samples {
	return slices.DeleteFunc(slices.Clone(s), func(sample Sample) bool { return !take(sample.Key) })
}

// OfVersion are those of that version of the operator.
func (s Samples) OfVersion(version string) Samples {
	return slices.DeleteFunc(slices.Clone(s), func(sample Sample) bool { return sample.Version != version })
}

// Has says whether there is a sample of the key.
func (s Samples) Has(key Key) bool {
	return slices.ContainsFunc(s, func(sample Sample) bool { return sample.Key == key })
}

// Summary is what several trials say of a value.
type Summary struct {
	Median, Least, Most float64
	// Trials is their number; 0 where the value was not measured.
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

// Quantile is that of values in ascending order, between the two nearest of them (type 7 of Hyndman and Fan).
func Quantile(sorted []float64, q float64) float64 {
	position := q * float64(len(sorted)-1)
	below := int(math.Floor(position))
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (position-float64(below))*(sorted[above]-sorted[below])
}
