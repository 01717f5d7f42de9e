// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package terminal

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Screen draws frames, each over the previous one. It overwrites lines instead of erasing them
// first, and uses synchronized output where the terminal supports it, so nothing flickers.
type Screen struct {
	Out io.Writer
	// lines, width and drawn describe the previous frame.
	lines int
	width int
	drawn string
}

// Draw draws a frame. If it is too high for the look, a last line says how many lines are omitted.
func (s *Screen) Draw(look Look, picture string) {
	lines := strings.Split(strings.TrimRight(picture, "\n"), "\n")
	if room := look.Height - 1; look.Height > 1 && len(lines) > room {
		left := len(lines) - room + 1
		lines = append(lines[:room-1], look.Paint(Faint, fmt.Sprintf("and %d more lines: enlarge the window", left)))
	}
	for i, line := range lines {
		lines[i] = look.Fit(line)
	}
	whole := strings.Join(lines, "\n")
	resized := s.lines > 0 && s.width != look.Width
	if !resized && whole == s.drawn && s.lines > 0 {
		return
	}
	var out strings.Builder
	out.WriteString(ansi.SetModeSynchronizedOutput)
	switch {
	case resized: // the terminal has wrapped the previous lines anew, so their number is unknown
		out.WriteString(ansi.CursorHomePosition)
	case s.lines > 0:
		out.WriteString("\r" + ansi.CursorUp(s.lines))
	}
	for _, line := range lines {
		out.WriteString(line + ansi.EraseLineRight + "\n")
	}
	out.WriteString(ansi.EraseScreenBelow + ansi.ResetModeSynchronizedOutput)
	fmt.Fprint(s.Out, out.String())
	s.lines, s.width, s.drawn = len(lines), look.Width, whole
}
