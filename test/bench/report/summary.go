// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/appstack-dev/appstack/test/bench/result"
)

// samples are samples whose summaries support arithmetic.
type samples struct{ result.Samples }

// Of returns the summary of a value.
func (s samples) Of(name string) summary { return summary{s.Samples.Of(name)} }

// size returns the common size of the samples; 0 if there are none.
func (s samples) size() int {
	if len(s.Samples) == 0 {
		return 0
	}
	return s.Samples[0].Size
}

type summary struct{ result.Summary }

// times converts the summary to another unit.
func (s summary) times(factor float64) summary {
	s.Median, s.Least, s.Most = s.Median*factor, s.Least*factor, s.Most*factor
	return s
}

// over divides the summary by a size.
func (s summary) over(size int) summary { return s.times(1 / float64(max(size, 1))) }

// minus subtracts base from the summary.
func (s summary) minus(base float64) summary {
	s.Median, s.Least, s.Most = s.Median-base, s.Least-base, s.Most-base
	return s
}

// text returns the median, and the range if there is one; a dash if nothing was measured.
func (s summary) text(decimals int) string {
	least, most := number(s.Least, decimals), number(s.Most, decimals)
	if least == most {
		return s.medianText(decimals)
	}
	return fmt.Sprintf("%s [%s–%s]", s.medianText(decimals), least, most)
}

// medianText returns the median alone; a dash if nothing was measured.
func (s summary) medianText(decimals int) string {
	if s.Trials == 0 {
		return "–"
	}
	return number(s.Median, decimals)
}

// median returns the median of the points' values.
func median(points []result.Point) float64 {
	values := make([]float64, len(points))
	for i, point := range points {
		values[i] = point.Value
	}
	slices.Sort(values)
	return result.Quantile(values, 0.5)
}

func decimalsOf(value float64) int {
	switch {
	case value == math.Trunc(value):
		return 0
	case value*10 == math.Trunc(value*10):
		return 1
	}
	return 2
}

// number formats a value with that many decimals, and commas between thousands.
func number(value float64, decimals int) string {
	text := fmt.Sprintf("%.*f", decimals, value)
	whole, fraction, found := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if found {
		whole += "." + fraction
	}
	return sign + whole
}

func thousands(n int) string { return number(float64(n), 0) }
