// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/appstack-dev/appstack/internal/imageconfig"
)

// expand expands a probe's argument as the kubelet does: $(NAME) becomes the value of the variable,
// or stays if there is none; $$ becomes $; any other $ stays, with the character after it, which is
// made valid UTF-8. It follows third_party/forked/golang/expansion of k8s.io/kubernetes.
func expand(arg string, values map[string]string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(arg, "$")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		character, size := utf8.DecodeRuneInString(after)
		switch {
		case size == 0:
			out.WriteByte('$')
		case character == '$':
			out.WriteByte('$')
		case character != '(':
			out.WriteString("$" + string(character))
		default:
			name, rest, closed := strings.Cut(after[size:], ")")
			if !closed {
				out.WriteString("$(")
				break
			}
			value, known := values[name]
			if !known {
				value = "$(" + name + ")"
			}
			out.WriteString(value)
			after, size = rest, 0
		}
		arg = after[size:]
	}
}

// inProbe returns the argument as it appears in the probe generated from an image's health check.
func inProbe(t *testing.T, arg string) string {
	t.Helper()
	probe, note := imageconfig.Readiness(healthcheck("CMD", arg), "linux")
	if probe == nil {
		t.Fatal(note)
	}
	return probe.Exec.Command[0]
}

func TestEscape(t *testing.T) {
	tests := map[string]struct{ arg, want string }{
		"R22 nothing":                           {"", ""},
		"R22 no dollar":                         {"curl -f http://localhost", "curl -f http://localhost"},
		"R22 a variable of the shell stays":     {"$HOME/check ${PORT:-80}", "$HOME/check ${PORT:-80}"},
		"R22 a dollar at the end stays":         {"^ok$", "^ok$"},
		"R22 a command substitution":            {"kill -0 $(cat /run/pid)", "kill -0 $$(cat /run/pid)"},
		"R22 one that is not closed":            {"$(", "$$("},
		"R22 arithmetic":                        {"$((1+1))", "$$((1+1))"},
		"R22 the number of the shell":           {"echo $$", "echo $$$"},
		"R22 a dollar before a variable":        {"$$HOME", "$$$HOME"},
		"R22 a dollar before a substitution":    {"$$(A)", "$$$$(A)"},
		"R22 many dollars":                      {"$$$$", "$$$$$$$"},
		"R22 a character of several bytes":      {"$é", "$é"},
		"R22 the Unicode replacement character": {"$\uFFFD", "$\uFFFD"},
		"R22 a byte that is not valid UTF-8":    {"$\xff(A)", "$$\xff(A)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := inProbe(t, test.arg)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if back := expand(got, map[string]string{"A": "expanded"}); back != test.arg {
				t.Errorf("the kubelet expands it to %q, want %q", back, test.arg)
			}
		})
	}
}

// TestExpand checks expand itself, which the other tests rely on.
func TestExpand(t *testing.T) {
	tests := map[string]string{
		"$(A)": "value", "a$(A)b$(A)": "avaluebvalue", "$(B)": "$(B)", "$$(A)": "$(A)", "$$$(A)": "$value", "$$": "$", "$": "$",
		"$A": "$A", "$(A": "$(A", "$()": "$()", "$$$$": "$$", "$($$)": "$($$)", "$\xff": "$\uFFFD",
	}
	for arg, want := range tests {
		if got := expand(arg, map[string]string{"A": "value"}); got != want {
			t.Errorf("R22 %q is expanded to %q, want %q", arg, got, want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, arg := range []string{"", "$", "$$", "$(A)", "$$(A)", "$$$(A)$", "$(", "$\xff", "a$é$(B", "$($(A))", "${A}"} {
		f.Add(arg, "A", "value")
	}
	f.Fuzz(func(t *testing.T, arg, name, value string) {
		escaped := inProbe(t, arg)
		for _, values := range []map[string]string{nil, {name: value}} {
			if back := expand(escaped, values); back != arg {
				t.Errorf("R22 %q is escaped as %q, which the kubelet expands to %q", arg, escaped, back)
			}
		}
	})
}
