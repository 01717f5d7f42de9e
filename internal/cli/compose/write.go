// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"bytes"
	"io"
	"strings"
	"unicode"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/manifest"
)

// Write writes the objects as one YAML file. Notes stand as comments before the
// stack that they are about, and those of the whole project at the top.
func Write(w io.Writer, result Result) error {
	var out bytes.Buffer
	comment(&out, result.Notes, "")
	for i, object := range result.Objects {
		if i > 0 || out.Len() > 0 {
			out.WriteString("---\n")
		}
		if stack, ok := object.(*v1alpha1.AppStack); ok {
			comment(&out, result.Notes, stack.Name)
		}
		text, err := manifest.Text(object)
		if err != nil {
			return err
		}
		out.Write(text)
	}
	_, err := out.WriteTo(w)
	return err
}

// comment writes the notes of a stack, each on a line of its own, so that the
// commands in them can be copied.
func comment(out *bytes.Buffer, notes []Note, stack string) {
	for _, note := range notes {
		if note.Stack == stack {
			out.WriteString("# " + note.String() + "\n")
		}
	}
}

// oneLine keeps text that comes from the Compose file within its comment.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r != ' ' && unicode.IsSpace(r) }), " ")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
