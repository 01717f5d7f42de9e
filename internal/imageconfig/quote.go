// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Limits on quoted text from an image, which can be arbitrary and becomes part of a status: a few
// words are enough to find the line in the Dockerfile.
const (
	maxQuoted      = 3
	maxQuotedRunes = 24
)

// quote quotes the text and truncates it if it is long.
func quote(text string) string {
	if runes := []rune(text); len(runes) > maxQuotedRunes {
		text = string(runes[:maxQuotedRunes]) + "…"
	}
	return strconv.Quote(text)
}

// quoteAll quotes the first texts in sorted order and counts the others.
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
