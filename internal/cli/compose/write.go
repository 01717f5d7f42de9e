// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
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
		text, err := clean(object)
		if err != nil {
			return fmt.Errorf("%T %s: %w", object, object.GetName(), err)
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

// clean is the YAML of an object without what only a cluster writes.
func clean(object any) ([]byte, error) {
	raw, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, err
	}
	delete(fields, "status")
	return yaml.Marshal(fields)
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
