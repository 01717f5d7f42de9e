// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// noteLeftovers notes all settings that no other step converts. It goes through the settings rather
// than through a list of known fields, so that it also notes fields that Compose adds in the
// future.
func (c *converter) noteLeftovers() {
	for _, s := range c.services {
		walk("", "", tree(s.ServiceConfig), serviceFields, func(field, message string) { c.note(s, field, "%s", message) })
		c.noteNames(s)
	}
	rest := *c.project
	rest.Services = nil
	walk("", "", tree(rest), projectFields, func(field, message string) { c.noteProject(field, "%s", message) })
	if separate := sortedKeys(c.project.Networks); len(separate) > 1 {
		c.noteProject("networks", "%s are one network in the cluster, where all pods reach each other: a NetworkPolicy can separate them",
			enumerate(separate, "and"))
	}
	if left := c.project.DisabledServiceNames(); len(left) > 0 {
		c.noteProject("profiles", "services of profiles that were not asked for are left out: %s", strings.Join(left, ", "))
	}
}

// noteNames notes the service's other host names, which do not resolve in the cluster.
func (c *converter) noteNames(s *service) {
	for _, link := range s.Links {
		if name, alias, found := strings.Cut(link, ":"); found && name != alias {
			c.note(s, "links", "the alias %s is not carried over: call %s", alias, c.hostOf(name))
		}
	}
	for _, network := range sortedKeys(s.Networks) {
		if config := s.Networks[network]; config != nil && len(config.Aliases) > 0 {
			c.note(s, "networks."+network+".aliases", "not carried over: in the cluster it is %s, and not %s", s.host(),
				enumerate(config.Aliases, "or"))
		}
	}
	for _, given := range []struct{ field, name string }{{"container_name", s.ContainerName}, {"hostname", s.Hostname}} {
		if given.name != "" && given.name != s.host() {
			c.note(s, given.field, "%s is not carried over: in the cluster it is %s", given.name, s.host())
		}
	}
}

// hostOf returns the host name of a service in the cluster.
func (c *converter) hostOf(name string) string {
	if s := c.service(name); s != nil {
		return s.host()
	}
	return name
}

// tree returns a value as generic JSON, without extensions (x-...).
func tree(value any) any {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err) // a plain value always has a JSON form
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		panic(err)
	}
	return out
}

// fields maps the path of each field to its message, or to carried if another step handles it.
type fields map[string]string

// carried marks fields that other steps handle.
const carried = ""

// parent reports whether the table has fields below the path.
func (f fields) parent(pattern string) bool {
	for name := range f {
		if pattern == "" || strings.HasPrefix(name, pattern+".") {
			return true
		}
	}
	return false
}

// walk calls note for the settings in value, which is at the path pattern in the table, and at
// field in the Compose file. It descends as far as the table does.
func walk(pattern, field string, value any, table fields, note func(field, message string)) {
	if isUnset(value) || harmless[fmt.Sprintf("%s=%v", pattern, value)] {
		return
	}
	if message, ok := table[pattern]; ok && pattern != "" {
		if message != carried {
			note(field, message)
		}
		return
	}
	if table.parent(pattern) {
		switch value := value.(type) {
		case []any: // all items have the same fields
			for _, item := range value {
				walk(pattern, field, item, table, note)
			}
			return
		case map[string]any:
			for _, key := range sortedKeys(value) {
				name := key
				if _, known := table[join(pattern, "*")]; known || table.parent(join(pattern, "*")) {
					name = "*"
				}
				walk(join(pattern, name), join(field, key), value[key], table, note)
			}
			return
		}
	}
	switch value.(type) {
	case map[string]any, []any:
		note(field, notCarried)
	default:
		note(field, fmt.Sprintf("%v is %s", value, notCarried))
	}
}

func isUnset(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case map[string]any:
		return len(value) == 0
	case []any:
		return len(value) == 0
	default:
		return reflect.ValueOf(value).IsZero()
	}
}

const notCarried = "not carried over: AppStack has nothing for it"

func join(pattern, name string) string {
	if pattern == "" {
		return name
	}
	return pattern + "." + name
}
