// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package terminal_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/appstack-dev/appstack/internal/cli/terminal"
)

// env returns an environment with these variables only.
func env(variables map[string]string) func(string) string {
	return func(name string) string { return variables[name] }
}

func TestLookOfAFile(t *testing.T) {
	tests := map[string]struct {
		env  map[string]string
		want terminal.Look
	}{
		"nothing is set":           {nil, terminal.Look{}},
		"a UTF-8 locale":           {map[string]string{"LANG": "en_US.UTF-8"}, terminal.Look{}},
		"the C locale":             {map[string]string{"LANG": "C"}, terminal.Look{Plain: true}},
		"LC_ALL wins over LANG":    {map[string]string{"LC_ALL": "POSIX", "LANG": "C.utf8"}, terminal.Look{Plain: true}},
		"LC_CTYPE wins over LANG":  {map[string]string{"LC_CTYPE": "C.UTF8", "LANG": "C"}, terminal.Look{}},
		"a terminal's name counts": {map[string]string{"TERM": "xterm-256color"}, terminal.Look{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, terminal.Of(&bytes.Buffer{}, env(test.env))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWrap(t *testing.T) {
	look := terminal.Look{Width: 24}
	want := "  one two three four\n  five\n\n  six"
	if got := look.Wrap("  ", "one two three four five\n\nsix\n"); got != want {
		t.Errorf("wrapped is\n%s\nwant\n%s", got, want)
	}
	long := strings.Repeat("word ", 40)
	if got := (terminal.Look{}).Wrap("", long); got != strings.TrimRight(long, " ") {
		t.Errorf("a line is wrapped in a file: %q", got)
	}
}

func TestTable(t *testing.T) {
	table := terminal.Table{
		Header: []string{"NAME", "IMAGE", "CAUSE"},
		Rows:   [][]string{{"shop", "registry.example.com/shop:1", "日本語 words"}, {"a-longer-name", "b", ""}},
		Loose:  []int{1, 0},
	}
	tests := map[int][]string{
		0: {
			"NAME           IMAGE                        CAUSE",
			"shop           registry.example.com/shop:1  日本語 words",
			"a-longer-name  b",
		},
		45: {
			"NAME           IMAGE             CAUSE",
			"shop           registry.exampl…  日本語 words",
			"a-longer-name  b",
		},
		30: {
			"NAME      IMAGE     CAUSE",
			"shop      registr…  日本語 wo…",
			"a-longe…  b",
		},
	}
	for width, want := range tests {
		got := strings.Split(strings.TrimSuffix(terminal.Look{Width: width}.Table(table), "\n"), "\n")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("width %d (-want +got):\n%s", width, diff)
		}
		for _, line := range got {
			if width > 0 && ansi.StringWidth(line) > width {
				t.Errorf("width %d: %q has %d columns", width, line, ansi.StringWidth(line))
			}
		}
	}
}

func TestBar(t *testing.T) {
	tests := []struct {
		done, all int32
		want      string
	}{
		{0, 3, "----------"}, {1, 3, "###-------"}, {3, 3, "##########"}, {5, 3, "##########"}, {0, 0, "##########"}, {-1, 3, "----------"},
	}
	for _, test := range tests {
		if got := (terminal.Look{Plain: true}).Bar(test.done, test.all); got != test.want {
			t.Errorf("%d of %d is %s, want %s", test.done, test.all, got, test.want)
		}
	}
}

func TestClean(t *testing.T) {
	tests := map[string]string{
		"plain\n\ttext":                   "plain\n\ttext",
		"\x1b[31mred\x1b[0m":              "red",
		"bell\a and back\b\r":             "bell and back",
		"\x1b]0;a title\x07after":         "after",
		"\u009b31m a control of one byte": "31m a control of one byte",
	}
	for given, want := range tests {
		got := terminal.Clean(given)
		if strings.ContainsAny(got, "\x1b\a\b\r\u009b") {
			t.Errorf("%q keeps terminal control characters: %q", given, got)
		}
		if !strings.HasPrefix(given, "\u009b") && got != want {
			t.Errorf("%q becomes %q, want %q", given, got, want)
		}
	}
}
