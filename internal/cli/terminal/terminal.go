// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package terminal knows how text looks where it is read: how wide it may be,
// whether colors help, and how a picture is drawn over the one before.
package terminal

import (
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// Look is how text is to look.
type Look struct {
	// Width in columns; 0 where lines may be as long as they are, as in a file.
	Width int
	// Height in lines; 0 where there may be any number.
	Height int
	// Color says that colors are understood, and wanted.
	Color bool
	// Plain says that only ASCII is understood.
	Plain bool
}

// Of is the look of what is written to the stream: of a terminal its size, and
// colors unless NO_COLOR (no-color.org) or TERM=dumb says otherwise; of
// anything else neither.
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

// Is says whether the stream is a terminal that a picture can be redrawn on.
func Is(out io.Writer, env func(string) string) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && env("TERM") != "dumb"
}

// unicode says whether the locale has more than ASCII. The first variable that
// is set decides, as POSIX has it; where none is, most terminals of today do.
func unicode(env func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(env(name)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return true
}

// Tone is what a piece of text is to tell by its color.
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

// Paint gives the text the color of its tone.
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

// Mark is the sign of a tone, for those who see no colors.
func (l Look) Mark(tone Tone) string {
	marks := map[Tone]string{Good: "✔", Busy: "◌", Bad: "✖", Faint: "·"}
	if l.Plain {
		marks = map[Tone]string{Good: "+", Busy: "~", Bad: "x", Faint: "."}
	}
	return l.Paint(tone, marks[tone])
}

// Fit cuts the line where it is wider than the look allows.
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

// Wrap breaks the text between words into lines that start with the indent
// and are no wider than the look allows.
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

// barWidth is how many columns a bar of progress has.
const barWidth = 10

// Bar is a bar of progress.
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

// Branches are the lines of a tree in front of its leaves.
type Branches struct {
	// Fork is in front of one that others follow, Last of the last one.
	Fork, Last string
	// Through is below a fork, Gap below the last one.
	Through, Gap string
}

// Branches are the lines of a tree.
func (l Look) Branches() Branches {
	if l.Plain {
		return Branches{Fork: "|- ", Last: "`- ", Through: "|  ", Gap: "   "}
	}
	return Branches{Fork: "├─ ", Last: "└─ ", Through: "│  ", Gap: "   "}
}

// Clean is text of someone else's, such as a container's last words, without
// what would command the terminal.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return -1
		}
		return r
	}, ansi.Strip(text))
}
