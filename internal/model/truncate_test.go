// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model_test

import (
	"strings"
	"testing"

	"github.com/appstack-dev/appstack/internal/model"
)

func TestTruncate(t *testing.T) {
	tests := map[string]struct {
		text  string
		limit int
		want  string
	}{
		"what fits stays":                             {"four", 4, "four"},
		"what does not ends with an ellipsis":         {"fourteen", 7, "four…"},
		"it is cut between two characters":            {"a界界", 6, "a…"},
		"a character just before the limit stays":     {"a界界界", 9, "a界…"},
		"what is no text is replaced":                 {"a\xffb", 9, "a\uFFFDb"},
		"even where it is longer than the limit then": {"a\xffb\xffc", 7, "a\uFFFD…"},
	}
	for name, test := range tests {
		t.Run("R30 "+name, func(t *testing.T) {
			got := model.Truncate(test.text, test.limit)
			if got != test.want || len(got) > test.limit {
				t.Errorf("Truncate(%q, %d) is %q, want %q", test.text, test.limit, got, test.want)
			}
			if again := model.Truncate(got, test.limit); again != got {
				t.Errorf("truncated twice it is %q, want %q", again, got)
			}
		})
	}
}

// FuzzTruncate checks that the result is never longer than the limit and is always valid text.
func FuzzTruncate(f *testing.F) {
	f.Add("界\xff", uint16(3))
	f.Add("\xe7\x95", uint16(4))
	f.Fuzz(func(t *testing.T, text string, limit uint16) {
		bound := 3 + int(limit)
		got := model.Truncate(text, bound)
		if len(got) > bound || got != strings.ToValidUTF8(got, "") {
			t.Errorf("Truncate(%q, %d) is %q, of %d bytes", text, bound, got, len(got))
		}
		if len(text) <= bound && text == strings.ToValidUTF8(text, "") && got != text {
			t.Errorf("%q, which fits into %d bytes, is truncated to %q", text, bound, got)
		}
	})
}
