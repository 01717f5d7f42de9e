// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig

import (
	"strings"
	"unicode/utf8"
)

// EscapeAll is the command that the kubelet makes the given one of.
func EscapeAll(command []string) []string {
	var out []string
	for _, arg := range command {
		out = append(out, Escape(arg))
	}
	return out
}

// Escape writes an argument such that it is the given one after the kubelet has
// expanded it, which Docker does not do: $(NAME) is the value of a variable,
// and $$ is a $. So a $ is doubled where it would begin one of these, and left
// alone where it would not: $HOME stays readable. After a $, a byte that is not
// UTF-8 would not survive either; with the $ doubled it is not looked at.
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
