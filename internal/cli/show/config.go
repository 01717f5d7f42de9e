// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
)

// config describes the ConfigMaps that a revision uses: those that it has copies of, with the name of
// the copy, and those that its pods use live.
func config(rev *model.Revision) string {
	if rev == nil {
		return ""
	}
	var words []string
	for _, copied := range rev.Content.Config {
		name := copied.Name
		if copied.Hash == model.AbsentHash {
			name = model.AbsentHash
		}
		words = append(words, copied.Source+" ("+name+")")
	}
	for _, name := range slices.Sorted(maps.Keys(revision.Config(*rev))) {
		if !slices.ContainsFunc(rev.Content.Config, func(copied model.ConfigCopy) bool { return copied.Source == name }) {
			words = append(words, name+" (live)")
		}
	}
	return strings.Join(words, ", ")
}

// configDiff returns a unified diff for each key of a ConfigMap whose value differs. A ConfigMap that
// one of the sides does not have is compared with nothing.
func (v View) configDiff(before, after Side) string {
	var out strings.Builder
	for _, source := range slices.Sorted(maps.Keys(before.Config)) {
		old := before.Config[source]
		changed, known := after.Config[source]
		if !known {
			continue
		}
		keys := maps.Clone(values(old))
		maps.Copy(keys, values(changed))
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			name := "ConfigMap " + source
			if model.IsFiles(source) {
				name = source
			}
			label := func(side Side, config *model.ConfigMap) string {
				text := fmt.Sprintf("%s, %s, key %s", side.Name, name, key)
				if _, found := values(config)[key]; !found {
					text += ": absent"
				}
				return text
			}
			out.WriteString(v.unified(label(before, old), label(after, changed), values(old)[key], values(changed)[key]))
		}
	}
	return out.String()
}

// secretDiff describes the Secrets that have changed, by the names and the sizes of their keys.
func secretDiff(secrets map[string]map[string]int) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		var keys []string
		for _, key := range slices.Sorted(maps.Keys(secrets[name])) {
			keys = append(keys, fmt.Sprintf("%s (%d bytes)", key, secrets[name][key]))
		}
		fmt.Fprintf(&out, "Secret %s has changed, and has now: %s\n", name, orNone(strings.Join(keys, ", ")))
	}
	return out.String()
}

// unified returns a unified diff of two texts, painted; it is empty if they are equal.
func (v View) unified(oldLabel, newLabel, before, after string) string {
	var out strings.Builder
	for line := range strings.Lines(udiff.Unified(oldLabel, newLabel, before, after)) {
		out.WriteString(v.diffLine(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return out.String()
}

// values returns the values of a ConfigMap as text, by key. Binary ones are described by their size
// and checksum.
func values(config *model.ConfigMap) map[string]string {
	all := map[string]string{}
	if config == nil {
		return all
	}
	maps.Copy(all, config.Data)
	for key, value := range config.BinaryData {
		all[key] = fmt.Sprintf("%d binary bytes, SHA-256 %x\n", len(value), sha256.Sum256(value))
	}
	return all
}
