// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// noteLeftovers notes whatever the project sets and no other step has looked at.
// It goes by what is there, not by a list of what is known, so that a field which
// Compose gets one day is noted too.
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

// noteNames notes other host names of the service, which nothing stands for in the cluster.
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

// hostOf is the host name that a service has in the cluster.
func (c *converter) hostOf(name string) string {
	if s := c.service(name); s != nil {
		return s.host()
	}
	return name
}

// tree is a value as its YAML or JSON shows it. Extensions (x-...) are not in it.
func tree(value any) any {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err) // plain values
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		panic(err)
	}
	return out
}

// fields say what is made of each field: carried where another step has looked at
// it, or what there is to say of it.
type fields map[string]string

// carried is what another step has looked at.
const carried = ""

// parent says whether the table goes into detail of the field.
func (f fields) parent(pattern string) bool {
	for name := range f {
		if pattern == "" || strings.HasPrefix(name, pattern+".") {
			return true
		}
	}
	return false
}

// walk goes through what is set, as far into it as the table does.
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
		case []any: // items are alike
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
