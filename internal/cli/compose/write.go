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

// Write writes the objects as one YAML file. The notes become comments: those about a stack before
// it, those about the whole project at the top.
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

// comment writes the notes of a stack as YAML comments, without wrapping, so that the commands in
// them can be copied.
func comment(out *bytes.Buffer, notes []Note, stack string) {
	for _, note := range notes {
		if note.Stack == stack {
			out.WriteString("# " + note.String() + "\n")
		}
	}
}

// oneLine replaces line breaks and unprintable characters, so that text from the Compose file
// cannot end the YAML comment.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r != ' ' && unicode.IsSpace(r) }), " ")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
