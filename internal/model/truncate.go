// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"strings"
	"unicode/utf8"
)

const ellipsis = "…"

// Truncate shortens a text to limit bytes, at least 3, on a character boundary and with an
// ellipsis at the end. It replaces invalid UTF-8, because JSON encoding would do so later and
// lengthen the text.
func Truncate(text string, limit int) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) <= limit {
		return text
	}
	cut := limit - len(ellipsis)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + ellipsis
}
