// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package terminal

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// gap separates two columns.
const gap = "  "

// Table is text in columns, each as wide as its widest cell.
type Table struct {
	// Header has a word for each column.
	Header []string
	// Rows have a cell for each column.
	Rows [][]string
	// Loose are the indexes of the columns to truncate if the table is too wide, in this order.
	// Other columns are cut only where the whole line is.
	Loose []int
}

// minLoose is the minimum width of a truncated column.
const minLoose = 8

// Table renders the table within the width of the look.
func (l Look) Table(table Table) string {
	widths := make([]int, len(table.Header))
	for _, row := range append([][]string{table.Header}, table.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], ansi.StringWidth(cell))
		}
	}
	if l.Width > 0 {
		excess := len(gap)*(len(widths)-1) - l.Width
		for _, width := range widths {
			excess += width
		}
		for _, column := range table.Loose {
			if cut := min(excess, widths[column]-max(minLoose, ansi.StringWidth(table.Header[column]))); cut > 0 {
				widths[column] -= cut
				excess -= cut
			}
		}
	}
	var out strings.Builder
	for i, row := range append([][]string{table.Header}, table.Rows...) {
		var line strings.Builder
		for column, cell := range row {
			cell = ansi.Truncate(cell, widths[column], l.ellipsis())
			if i == 0 {
				cell = l.Paint(Strong, cell)
			}
			line.WriteString(cell)
			if column < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[column]-ansi.StringWidth(cell)) + gap)
			}
		}
		out.WriteString(l.Fit(strings.TrimRight(line.String(), " ")) + "\n")
	}
	return out.String()
}
