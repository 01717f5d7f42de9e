// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"os"
	"path/filepath"
	"strings"
)

// The tables of docs/fields.md, by path: why a field changes no child, and why its effect remains after its removal.
// The walk verifies them.
var (
	noEffects = documentedFields("No effect on children")
	gated     = documentedFields("Fields behind feature gates")
	stays     = documentedFields("Fields whose removal does nothing")
)

func init() {
	for path, gate := range gated {
		if noEffects[path] != "" {
			panic(path + " is in two tables of docs/fields.md")
		}
		noEffects[path] = "feature gate " + gate
	}
}

// documentedFields returns the table below a heading of docs/fields.md: the fields
// of each row with their explanation.
func documentedFields(heading string) map[string]string {
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "fields.md"))
	if err != nil {
		panic(err) // before any spec can fail
	}
	_, section, found := strings.Cut(string(raw), "\n## "+heading+"\n")
	if !found {
		panic("docs/fields.md has no heading " + heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	fields := map[string]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 2 || !strings.Contains(cells[0], "`") {
			continue
		}
		for path := range strings.SplitSeq(cells[0], ",") {
			fields[strings.Trim(path, " `")] = strings.TrimSpace(cells[1])
		}
	}
	if len(fields) == 0 {
		panic("docs/fields.md has no table below the heading " + heading)
	}
	return fields
}
