// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package terminal_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/appstack-dev/appstack/internal/cli/terminal"
)

// drawn returns what the screen writes for a picture.
func drawn(screen *terminal.Screen, look terminal.Look, picture string) string {
	var out bytes.Buffer
	screen.Out = &out
	screen.Draw(look, picture)
	return out.String()
}

func TestScreenDrawsOver(t *testing.T) {
	screen, look := &terminal.Screen{}, terminal.Look{Width: 20, Height: 10}
	first := drawn(screen, look, "one\ntwo\n")
	if strings.Contains(first, ansi.CursorUp(2)) {
		t.Errorf("the first picture overwrites earlier output: %q", first)
	}
	if again := drawn(screen, look, "one\ntwo\n"); again != "" {
		t.Errorf("the same picture is drawn again: %q", again)
	}
	second := drawn(screen, look, "one\nthree\nfour\n")
	if !strings.Contains(second, ansi.CursorUp(2)) {
		t.Errorf("the second picture does not overwrite the first: %q", second)
	}
	// erasing before the new text is written would flicker
	if erased := strings.Index(second, ansi.EraseScreenBelow); erased < strings.Index(second, "four") {
		t.Errorf("the screen is erased first: %q", second)
	}
	if third := drawn(screen, look, "one\n"); !strings.Contains(third, ansi.CursorUp(3)) || !strings.Contains(third, ansi.EraseScreenBelow) {
		t.Errorf("lines of the previous picture are left: %q", third)
	}
}

func TestScreenFits(t *testing.T) {
	screen := &terminal.Screen{}
	picture := strings.Repeat("a long line, longer than the screen is wide, and then some\n", 9)
	text := drawn(screen, terminal.Look{Width: 60, Height: 4}, picture)
	lines := strings.Split(strings.TrimSuffix(ansi.Strip(text), "\n"), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[2], "and 7 more lines") {
		t.Errorf("a screen of 4 lines shows %q of 9", lines)
	}
	if narrow := drawn(screen, terminal.Look{Width: 20, Height: 4}, "resized\n"); !strings.Contains(narrow, ansi.CursorHomePosition) {
		t.Errorf("after a change of width the picture is not redrawn from the top: %q", narrow)
	}
}
