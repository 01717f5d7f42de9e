// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What an image says is anybody's text, and notes end in a status: a few words
// of it are enough to find the line in the Dockerfile.
const (
	maxQuoted      = 3
	maxQuotedRunes = 24
)

// quote quotes the text, cut where it is long.
func quote(text string) string {
	if runes := []rune(text); len(runes) > maxQuotedRunes {
		text = string(runes[:maxQuotedRunes]) + "…"
	}
	return strconv.Quote(text)
}

// quoteAll quotes the first of the texts, and counts the others.
func quoteAll(texts []string) string {
	var quoted []string
	for _, text := range slices.Sorted(slices.Values(texts))[:min(len(texts), maxQuoted)] {
		quoted = append(quoted, quote(text))
	}
	out := strings.Join(quoted, ", ")
	if more := len(texts) - len(quoted); more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}
