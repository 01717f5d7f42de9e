// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig

import (
	"strings"
	"unicode/utf8"
)

// EscapeAll applies Escape to each argument of a command.
func EscapeAll(command []string) []string {
	var out []string
	for _, arg := range command {
		out = append(out, Escape(arg))
	}
	return out
}

// Escape escapes an argument so that the kubelet's expansion results in the original, because
// Docker expands nothing. The kubelet replaces $(NAME) by the value of a variable and $$ by $.
// Escape therefore doubles a $ before these, and leaves others alone, so that $HOME stays readable.
// It also doubles a $ before a byte that is not valid UTF-8, because the kubelet's expansion would
// not preserve that byte.
func Escape(arg string) string {
	var out strings.Builder
	for i := range len(arg) {
		out.WriteByte(arg[i])
		if arg[i] != '$' {
			continue
		}
		next, size := utf8.DecodeRuneInString(arg[i+1:])
		if next == '$' || next == '(' || next == utf8.RuneError && size == 1 {
			out.WriteByte('$')
		}
	}
	return out.String()
}
