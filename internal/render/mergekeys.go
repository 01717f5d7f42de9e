// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// keyedList is a list whose merge key does not identify an entry. For example, the ports 53/TCP and
// 53/UDP have the same number, so in a strategic merge one overwrites the other. Lists without
// generated entries are not affected, because strategic merge takes the overlay's list as it is.
type keyedList struct {
	field string
	// key is the merge key. Together with the field named by other, it identifies an entry.
	key, other string
	// assumed is the default of the field named by other.
	assumed string
	// changes reports whether an overlay's entry may change the field named by other, if the
	// generated entry is the only one with its key.
	changes bool
}

var (
	containerPortList = keyedList{field: "ports", key: "containerPort", other: "protocol", assumed: "TCP"}
	constraintList    = keyedList{
		field: "topologySpreadConstraints", key: "topologyKey", other: "whenUnsatisfiable", changes: true,
	}
)

// containerLists are the fields of a pod spec that list containers.
var containerLists = []string{"containers", "initContainers"}

// strategicMerge merges the patch over the base, two JSON objects of the schema's type, and
// modifies both. It works like kubectl patch, except that list entries are matched by their
// complete identity.
func strategicMerge(base, patch map[string]any, schema any) (map[string]any, error) {
	keys := mergeKeys{}
	keys.widen(base, patch)
	merged, err := strategicpatch.StrategicMergeMapPatch(base, patch, schema)
	if err != nil {
		return nil, err
	}
	keys.restore(merged)
	return merged, nil
}

// mergeKeys maps the temporary values of merge keys during the merge to the identity of an entry
// and the original value of its key.
type mergeKeys map[string]mergeKey

type mergeKey struct {
	entryID
	was any
}

// entryID identifies an entry of a list.
type entryID struct{ key, other string }

func (k mergeKeys) widen(base, patch map[string]any) {
	generated, overlay := object(base["spec"]), object(patch["spec"])
	k.widenList(constraintList, generated, overlay)
	for _, list := range containerLists {
		containers := map[any]map[string]any{}
		for _, container := range objects(generated[list]) {
			containers[container["name"]] = container
			k.widenList(containerPortList, container, nil)
		}
		for _, container := range objects(overlay[list]) {
			k.widenList(containerPortList, containers[container["name"]], container)
		}
	}
}

// widenList replaces the list's merge keys, in the generated object and in the overlay, with values
// that include the complete identity.
func (k mergeKeys) widenList(list keyedList, generated, overlay map[string]any) {
	base, patch := objects(generated[list.field]), objects(overlay[list.field])
	held := k.identities(list, base)
	said := k.identities(list, slices.DeleteFunc(slices.Clone(patch), func(entry map[string]any) bool { return entry[list.other] == nil }))
	keys := k.identities(list, patch)
	for i, entry := range base {
		k.set(list, entry, held[i])
	}
	var matched []entryID
	for i, entry := range patch {
		lone := count(keys, keys[i].key) == 1
		matched = append(matched, list.match(keys[i], entry[list.other] != nil, lone, held, said))
		k.set(list, entry, matched[i])
	}
	order := objects(overlay["$setElementOrder/"+list.field])
	for i, id := range k.identities(list, order) {
		k.set(list, order[i], list.match(id, order[i][list.other] != nil, true, slices.Concat(held, matched), nil))
	}
}

// match returns the identity of the generated entry that an overlay's entry refers to. This is the
// entry's own identity, unless exactly one generated entry has the same key, and the overlay's
// entry omits or changes the field named by other.
func (l keyedList) match(own entryID, complete, lone bool, held, said []entryID) entryID {
	if slices.Contains(held, own) {
		return own
	}
	var only *entryID
	for i, candidate := range held {
		switch {
		case candidate.key != own.key || only != nil && *only == candidate:
		case only != nil:
			return own
		default:
			only = &held[i]
		}
	}
	switch {
	case only == nil,
		!complete && slices.Contains(said, *only),
		complete && (!l.changes || !lone):
		return own
	}
	return *only
}

func (k mergeKeys) identities(list keyedList, entries []map[string]any) []entryID {
	var all []entryID
	for _, entry := range entries {
		id := entryID{key: fmt.Sprint(entry[list.key]), other: list.assumed}
		if other := entry[list.other]; other != nil {
			id.other = fmt.Sprint(other)
		}
		if wide, ok := entry[list.key].(string); ok {
			id = cmp.Or(k[wide].entryID, id)
		}
		all = append(all, id)
	}
	return all
}

// set replaces the entry's key with a value for the identity. It ignores keys of the wrong type:
// the merge, or decoding its result, reports them.
func (k mergeKeys) set(list keyedList, entry map[string]any, id entryID) {
	was := entry[list.key]
	switch value := was.(type) {
	case int64, float64:
	case string:
		if _, done := k[value]; done {
			return
		}
	default:
		return
	}
	wide := id.key + " " + id.other
	entry[list.key] = wide
	k[wide] = mergeKey{entryID: id, was: was}
}

// restore restores the original keys.
func (k mergeKeys) restore(merged map[string]any) {
	pod := object(merged["spec"])
	k.restoreList(constraintList, pod)
	for _, list := range containerLists {
		for _, container := range objects(pod[list]) {
			k.restoreList(containerPortList, container)
		}
	}
}

func (k mergeKeys) restoreList(list keyedList, parent map[string]any) {
	for _, entry := range objects(parent[list.field]) {
		if wide, ok := entry[list.key].(string); ok {
			if key, ok := k[wide]; ok {
				entry[list.key] = key.was
			}
		}
	}
}

func count(all []entryID, key string) (n int) {
	for _, id := range all {
		if id.key == key {
			n++
		}
	}
	return n
}

// object returns the value as a JSON object, or nil if it is not one.
func object(value any) map[string]any {
	fields, _ := value.(map[string]any)
	return fields
}

// objects returns the objects in a JSON list.
func objects(value any) []map[string]any {
	list, _ := value.([]any)
	var all []map[string]any
	for _, item := range list {
		if fields := object(item); fields != nil {
			all = append(all, fields)
		}
	}
	return all
}
