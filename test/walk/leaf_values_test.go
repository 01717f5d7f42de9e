// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// expectation is the expected outcome of a value.
type expectation int

const (
	// changes is a valid value that changes a child.
	changes expectation = iota
	// same is a valid value that changes no child, such as the default.
	same
	// either is a limit of what the schema accepts: later validation may reject it,
	// but the stack must become Ready or Stalled.
	either
	// refused is an invalid value: rejected by the API server, or by the operator in a condition.
	refused
)

// leafValue is a value to apply at a node.
type leafValue struct {
	expected expectation
	value    any
	// beside is a fragment of the component that is set together with the value.
	beside fragment
	// names lists words of which the rejection must contain at least one; by default the last name of the path.
	names []string
}

// String returns a short form for reports.
func (v leafValue) String() string {
	raw, err := json.Marshal(v.value)
	if err != nil {
		panic(err)
	}
	text := string(raw)
	if len(text) > 60 {
		text = fmt.Sprintf("%s… (%d bytes)", text[:40], len(text))
	}
	return text
}

// leafValues returns the values to apply at a node: those of its hint, and those derived from the schema.
func leafValues(node schemaNode) []leafValue {
	hint, hinted := hintOf(node)
	var all []leafValue
	add := func(expected expectation, values ...any) {
		for _, value := range values {
			all = append(all, leafValue{expected: expected, value: value, beside: parseFragment(hint.beside)})
		}
	}
	valid := hint.valid
	if len(valid) == 0 && node.leaf() && hint.few == "" {
		valid = validBySchema(node.schema, hint.same)
	}
	if node.schema.Type == "boolean" && !hinted {
		valid, hint.same = []any{true}, []any{false}
	}
	if noEffects[unindexed(node)] != "" {
		hint.same, valid = append(hint.same, valid...), nil
	}
	add(changes, valid...)
	add(same, hint.same...)
	add(either, edgesOf(node)...)
	for _, value := range invalidBySchema(node.schema) {
		all = append(all, leafValue{expected: refused, value: value})
	}
	for _, bad := range hint.invalid {
		all = append(all, leafValue{expected: refused, value: bad.value, beside: parseFragment(bad.beside), names: bad.names})
	}
	return all
}

// lacking describes what the tables must add before the walk can cover a leaf; empty if nothing.
func lacking(node schemaNode) string {
	hint, _ := hintOf(node)
	valid, invalid := 0, 0
	for _, value := range leafValues(node) {
		switch value.expected {
		case changes, same:
			valid++
		case refused:
			invalid++
		case either:
		}
	}
	switch {
	case invalid == 0:
		return "no invalid value"
	case !node.leaf() || valid >= 2 || hint.few != "":
		return ""
	}
	return fmt.Sprintf("%d valid values: a hint must list two, or explain why there are fewer", valid)
}

// validBySchema returns valid values that can be derived from the schema, if any.
func validBySchema(schema apiextensionsv1.JSONSchemaProps, except []any) []any {
	var candidates []any
	switch {
	case len(schema.Enum) > 0:
		for _, choice := range schema.Enum {
			candidates = append(candidates, parseLeaf(string(choice.Raw)))
		}
		return without(candidates, except)
	case schema.Type == "integer" && schema.Minimum != nil:
		for _, value := range []int64{2, 3, int64(*schema.Minimum) + 5} {
			if schema.Maximum == nil || value <= int64(*schema.Maximum) {
				candidates = append(candidates, value)
			}
		}
		return without(candidates, except)[:2]
	case schema.Type == "string" && schema.Pattern != "":
		pattern := regexp.MustCompile(schema.Pattern)
		for _, value := range []string{"walk-a", "walk-b"} {
			if pattern.MatchString(value) {
				candidates = append(candidates, value)
			}
		}
	case schema.Format == "date-time":
		return []any{"2026-01-01T00:00:00Z", "2026-01-02T00:00:00+01:00"}
	}
	return candidates
}

func without(values, except []any) []any {
	var rest []any
	for _, value := range values {
		found := false
		for _, other := range except {
			found = found || fmt.Sprint(other) == fmt.Sprint(value)
		}
		if !found {
			rest = append(rest, value)
		}
	}
	return rest
}

// longestEdge is the largest maxLength for which the walk applies a text of that length.
const longestEdge = 5000

// edgesOf returns the limits of what the schema accepts.
func edgesOf(node schemaNode) []any {
	schema := node.schema
	var edges []any
	if limit := schema.MaxLength; schema.Type == "string" && limit != nil && *limit <= longestEdge {
		edges = append(edges, strings.Repeat("a", int(*limit)))
	}
	if schema.Type == "integer" && schema.Minimum != nil && schema.Maximum != nil {
		edges = append(edges, int64(*schema.Minimum), int64(*schema.Maximum))
	}
	return edges
}

// invalidBySchema returns values that the schema rejects.
func invalidBySchema(schema apiextensionsv1.JSONSchemaProps) []any {
	switch {
	case schema.XIntOrString:
		bad := []any{true, []any{}}
		if schema.Pattern != "" || schema.MaxLength != nil {
			bad = append(bad, "lots", "")
		}
		return bad
	case schema.Type == "boolean":
		return []any{"yes", int64(1)}
	case schema.Type == "integer":
		return invalidIntegers(schema)
	case schema.Type == "string":
		return invalidStrings(schema)
	case schema.Type == "array":
		bad := []any{"text", fragment{}}
		if limit := schema.MaxItems; limit != nil {
			var item any = fragment{}
			if schema.Items.Schema.Type == "string" {
				item = "a"
			}
			bad = append(bad, repeated(item, int(*limit)+1))
		}
		return bad
	default:
		bad := []any{"text", []any{}}
		if limit := schema.MaxProperties; limit != nil {
			many := fragment{}
			for i := range *limit + 1 {
				many[fmt.Sprintf("example.com/%d", i)] = "a"
			}
			bad = append(bad, many)
		}
		return bad
	}
}

func invalidIntegers(schema apiextensionsv1.JSONSchemaProps) []any {
	bad := []any{"seven", 1.5}
	if schema.Minimum != nil {
		bad = append(bad, int64(*schema.Minimum)-1)
	}
	switch {
	case schema.Maximum != nil:
		bad = append(bad, int64(*schema.Maximum)+1)
	case schema.Format == "int32":
		bad = append(bad, int64(math.MaxInt32)+1)
	}
	return bad
}

func invalidStrings(schema apiextensionsv1.JSONSchemaProps) []any {
	bad := []any{int64(7), true}
	if len(schema.Enum) > 0 {
		bad = append(bad, "Bogus", "")
	}
	if schema.MinLength != nil && *schema.MinLength > 0 {
		bad = append(bad, "")
	}
	if schema.MaxLength != nil {
		bad = append(bad, strings.Repeat("a", int(*schema.MaxLength)+1))
	}
	if schema.Pattern != "" {
		bad = append(bad, "Not_This!", "-")
	}
	if schema.Format == "date-time" {
		bad = append(bad, "yesterday", "2026-13-01T00:00:00Z", "2026-01-01")
	}
	return bad
}

func repeated(item any, times int) []any {
	list := make([]any, times)
	for i := range list {
		list[i] = item
	}
	return list
}
