// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/appstack-dev/appstack/internal/model"
)

// ObservedConfig is what is known of ConfigMaps, by name.
type ObservedConfig map[string]model.ObservedConfig

// isOf reports whether all ConfigMaps of the revision have been observed, and have its content.
func (o ObservedConfig) isOf(rev model.Revision) bool {
	for name, hash := range Config(rev) {
		if now, known := o[name]; !known || now.Hash != hash {
			return false
		}
	}
	return true
}

// shownNames is how many names of ConfigMaps or Secrets a message has.
const shownNames = 5

// ChangeMessage is the message of a release for changed objects of the kind.
func ChangeMessage(kind string, changed []string) string {
	if len(changed) == 1 {
		return kind + " " + changed[0] + " changed"
	}
	if more := len(changed) - shownNames; more > 0 {
		return fmt.Sprintf("%ss %s and %d more changed", kind, strings.Join(changed[:shownNames], ", "), more)
	}
	return kind + "s " + strings.Join(changed, ", ") + " changed"
}

// Config returns the hashes of the ConfigMaps that belong to the revision, by name: those that it
// has copies of, and those of its baseline. Files are not among them: they belong to the spec.
func Config(rev model.Revision) map[string]string {
	hashes := maps.Clone(rev.Record.ConfigBaseline)
	if hashes == nil {
		hashes = map[string]string{}
	}
	for _, copied := range rev.Content.Config {
		if !model.IsFiles(copied.Source) {
			hashes[copied.Source] = copied.Hash
		}
	}
	return hashes
}

// ChangedConfig returns the names of the revision's ConfigMaps whose observed content differs from
// the revision's, sorted (R32). A ConfigMap that was deleted has no other content: it counts as
// unchanged, and so does one that has not been observed yet (R33).
func ChangedConfig(rev model.Revision, observed ObservedConfig) []string {
	var changed []string
	for name, hash := range Config(rev) {
		if now, known := observed[name]; known && now.Hash != hash && now.Hash != model.AbsentHash {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	return changed
}

// DeletedConfig returns the names of the revision's ConfigMaps that existed and were deleted since,
// sorted.
func DeletedConfig(rev model.Revision, observed ObservedConfig) []string {
	var deleted []string
	for name, hash := range Config(rev) {
		if now, known := observed[name]; known && now.Hash == model.AbsentHash && hash != model.AbsentHash {
			deleted = append(deleted, name)
		}
	}
	slices.Sort(deleted)
	return deleted
}

// UnusedCopies returns the names of those copies of ConfigMaps that no revision names, sorted (R31).
func UnusedCopies(copies []string, revisions []model.Revision) []string {
	used := map[string]bool{}
	for _, rev := range revisions {
		for _, copied := range rev.Content.Config {
			used[copied.Name] = true
		}
	}
	unused := slices.DeleteFunc(slices.Clone(copies), func(name string) bool { return used[name] })
	slices.Sort(unused)
	return unused
}
