// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// keyedList is a list that strategic merge merges by one field of its entries,
// although entries of several identities share it, such as the ports 53/TCP and
// 53/UDP: merged by number alone, one overwrites the other. A list of which nothing
// is generated needs no such care: strategic merge takes the overlay's as it is.
type keyedList struct {
	field string
	// key is the merge key; with the field other it is an entry's identity.
	key, other string
	// assumed is what an entry that leaves other out has there.
	assumed string
	// changes says that an overlay's entry may give the generated one another value
	// of other, where it is the only one of its key.
	changes bool
}

var (
	containerPortList = keyedList{field: "ports", key: "containerPort", other: "protocol", assumed: "TCP"}
	constraintList    = keyedList{
		field: "topologySpreadConstraints", key: "topologyKey", other: "whenUnsatisfiable", changes: true,
	}
)

// containerLists are the fields of a pod that list containers.
var containerLists = []string{"containers", "initContainers"}

// strategicMerge merges the patch over the base, both JSON objects of the
// schema's type, which it uses up. It is the strategic merge of kubectl patch,
// but that entries of lists are matched by all of their identity.
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

// mergeKeys are the values that merge keys have during the merge: each stands for
// the identity of an entry, and for the value that the key had before.
type mergeKeys map[string]mergeKey

type mergeKey struct {
	entryID
	was any
}

// entryID tells an entry of a list apart.
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

// widenList widens the keys of the list in the generated object, and of what the overlay says of it.
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

// match is the identity of the entry that one of the overlay is about: its own,
// unless there is one of its key only, and it leaves open which one, or changes it.
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

// set gives the entry the key that stands for the identity. What is no key stays:
// the merge, or reading what comes of it, says what is wrong with it.
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

// restore puts back the keys as they were.
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

// object is a JSON object; nil where the value is another.
func object(value any) map[string]any {
	fields, _ := value.(map[string]any)
	return fields
}

// objects are those of a JSON list.
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
