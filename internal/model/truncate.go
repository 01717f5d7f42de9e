// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"strings"
	"unicode/utf8"
)

const ellipsis = "…"

// Truncate cuts a text to so many bytes, of which it needs three, between two
// characters, and with an ellipsis in place of what is left out. What is no UTF-8
// is replaced here: JSON would do so later, and make the text longer.
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
