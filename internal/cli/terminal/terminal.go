// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package terminal formats text for a terminal or a file: it limits the width, adds colors, and
// redraws a frame over the previous one.
package terminal

import (
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// Look describes what the output can show.
type Look struct {
	// Width in columns; 0 means unlimited, as in a file.
	Width int
	// Height in lines; 0 means unlimited.
	Height int
	// Color reports whether to use colors.
	Color bool
	// Plain reports whether to use only ASCII.
	Plain bool
}

// Of returns the look of a stream. For a terminal it has the size, and colors unless NO_COLOR
// (no-color.org) is set or TERM is dumb. For anything else, size is unlimited and there are no
// colors.
func Of(out io.Writer, env func(string) string) Look {
	look := Look{Plain: !unicode(env)}
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return look
	}
	look.Color = env("NO_COLOR") == "" && env("TERM") != "dumb"
	if width, height, err := term.GetSize(int(file.Fd())); err == nil {
		look.Width, look.Height = width, height
	}
	return look
}

// Is reports whether the stream is a terminal on which a frame can be redrawn.
func Is(out io.Writer, env func(string) string) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && env("TERM") != "dumb"
}

// unicode reports whether the locale's encoding is UTF-8. As in POSIX, the first variable that is
// set decides. If none is set, it assumes UTF-8, which most terminals support.
func unicode(env func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(env(name)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return true
}

// Tone is the meaning of a text that its color conveys.
type Tone int

// The tones.
const (
	None Tone = iota
	Good
	Busy
	Bad
	Faint
	Strong
)

// Paint returns the text in the color of the tone, or unchanged if the look has no colors.
func (l Look) Paint(tone Tone, text string) string {
	if !l.Color || tone == None || text == "" {
		return text
	}
	var style ansi.Style
	switch tone {
	case Good:
		style = style.ForegroundColor(ansi.Green)
	case Busy:
		style = style.ForegroundColor(ansi.Yellow)
	case Bad:
		style = style.ForegroundColor(ansi.Red)
	case Faint:
		style = style.Faint()
	case Strong:
		style = style.Bold()
	case None:
	}
	return style.Styled(text)
}

// Mark returns the symbol of a tone, which conveys it without colors too.
func (l Look) Mark(tone Tone) string {
	marks := map[Tone]string{Good: "✔", Busy: "◌", Bad: "✖", Faint: "·"}
	if l.Plain {
		marks = map[Tone]string{Good: "+", Busy: "~", Bad: "x", Faint: "."}
	}
	return l.Paint(tone, marks[tone])
}

// Fit truncates the line to the width of the look.
func (l Look) Fit(line string) string {
	if l.Width <= 0 {
		return line
	}
	return ansi.Truncate(line, l.Width, l.ellipsis())
}

func (l Look) ellipsis() string {
	if l.Plain {
		return "..."
	}
	return "…"
}

// Wrap breaks the text between words into lines that start with the indent and fit the width. It
// does not break lines if less than 20 columns are left beside the indent.
func (l Look) Wrap(indent, text string) string {
	room := l.Width - ansi.StringWidth(indent)
	if l.Width > 0 && room >= 20 {
		text = ansi.Wrap(text, room, "")
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(indent+line, " ")
	}
	return strings.Join(lines, "\n")
}

// barWidth is the width of a progress bar in columns.
const barWidth = 10

// Bar returns a progress bar.
func (l Look) Bar(done, all int32) string {
	full, empty := "█", "░"
	if l.Plain {
		full, empty = "#", "-"
	}
	filled := barWidth
	if all > 0 {
		filled = barWidth * int(min(max(done, 0), all)) / int(all)
	}
	tone := Busy
	if done >= all {
		tone = Good
	}
	return l.Paint(tone, strings.Repeat(full, filled)) + l.Paint(Faint, strings.Repeat(empty, barWidth-filled))
}

// Branches are the prefixes that draw the lines of a tree.
type Branches struct {
	// Fork is in front of a node, Last in front of the last one of its parent.
	Fork, Last string
	// Through is in front of what is below a Fork, Gap in front of what is below a Last.
	Through, Gap string
}

// Branches returns the prefixes for the look.
func (l Look) Branches() Branches {
	if l.Plain {
		return Branches{Fork: "|- ", Last: "`- ", Through: "|  ", Gap: "   "}
	}
	return Branches{Fork: "├─ ", Last: "└─ ", Through: "│  ", Gap: "   "}
}

// Clean removes terminal control sequences from text of other sources, such as a container's
// output.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return -1
		}
		return r
	}, ansi.Strip(text))
}
