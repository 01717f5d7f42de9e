// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mention is a place where a service names another one as a host.
type mention struct {
	host
	field string // the field of the service that names the host
}

// host is a service as a text names it. The port is 0 if it names none.
type host struct {
	name string
	port int32
	// byScheme reports whether the port is the default of the URL's scheme.
	byScheme bool
}

var (
	urls       = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*)://([^\s/?#"'<>\\]*)`)
	addresses  = regexp.MustCompile(`([A-Za-z0-9_][A-Za-z0-9_.-]*):(\d{1,5})`)
	parameters = regexp.MustCompile(`(?i)(?:^|[\s;,"'-])(?:host|hostname|server|data source)=([A-Za-z0-9_.-]+)(?:,(\d{1,5}))?`)
)

// schemePorts are the default ports of schemes that are common in Compose files.
var schemePorts = map[string]int32{
	"http": 80, "https": 443, "ws": 80, "wss": 443, "redis": 6379, "postgres": 5432, "postgresql": 5432, "mysql": 3306, "mariadb": 3306,
	"mongodb": 27017, "amqp": 5672, "nats": 4222, "memcached": 11211,
}

// text is a setting that may name other services.
type text struct {
	field, value string
	whole        bool // the whole value may be a host name
}

// findMentions finds the places where services name others as hosts.
func (c *converter) findMentions() {
	for _, s := range c.services {
		for _, text := range c.texts(s) {
			found := hosts(text.value)
			if text.whole {
				found = append(found, host{name: text.value})
			}
			for _, host := range found {
				if host.name != s.Name && c.service(host.name) != nil {
					s.talk = append(s.talk, mention{host: host, field: text.field})
				}
			}
		}
	}
}

// texts returns the settings to search. A word of a command, such as "worker", may be a host name
// on its own, unless it is the program.
func (c *converter) texts(s *service) []text {
	var out []text
	for _, name := range sortedKeys(s.Environment) {
		if value := s.Environment[name]; value != nil {
			out = append(out, text{field: "environment." + name, value: *value, whole: true})
		}
	}
	for i, word := range s.Entrypoint {
		out = append(out, text{field: "entrypoint", value: word, whole: i > 0})
	}
	for i, word := range s.Command {
		out = append(out, text{field: "command", value: word, whole: i > 0 || len(s.Entrypoint) > 0})
	}
	if s.HealthCheck != nil {
		for _, word := range s.HealthCheck.Test {
			out = append(out, text{field: "healthcheck.test", value: word})
		}
	}
	for _, config := range s.Configs {
		out = append(out, text{field: "configs." + config.Source, value: c.project.Configs[config.Source].Content})
	}
	return out
}

// hosts finds the host names in a text: in URLs, as name:port, and in connection strings.
func hosts(text string) []host {
	var out []host
	rest := urls.ReplaceAllStringFunc(text, func(url string) string {
		match := urls.FindStringSubmatch(url)
		authority := match[2][strings.LastIndex(match[2], "@")+1:]
		for address := range strings.SplitSeq(authority, ",") {
			name, number, _ := strings.Cut(address, ":")
			h := host{name: name, port: portNumber(number)}
			if number == "" {
				h.port, h.byScheme = schemePorts[match[1]], true
			}
			out = append(out, h)
		}
		return " "
	})
	for _, at := range addresses.FindAllStringSubmatchIndex(rest, -1) {
		if strings.ContainsAny(before(rest, at[0]), wordBytes+"/:.-$") || strings.ContainsAny(after(rest, at[1]), wordBytes+".:-@") {
			continue
		}
		out = append(out, host{name: rest[at[2]:at[3]], port: portNumber(rest[at[4]:at[5]])})
	}
	for _, match := range parameters.FindAllStringSubmatch(rest, -1) {
		out = append(out, host{name: match[1], port: portNumber(match[2])})
	}
	return out
}

const wordBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

func before(text string, at int) string { return text[max(at-1, 0):at] }

func after(text string, at int) string { return text[at:min(at+1, len(text))] }

// portNumber returns the port, or 0 if the text is no port.
func portNumber(digits string) int32 {
	number, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return 0
	}
	return int32(number)
}

// noteMentions notes the places where a host name has to change, because the service has another
// name in the cluster.
func (c *converter) noteMentions() {
	for _, s := range c.services {
		for _, mention := range s.talk {
			other := c.service(mention.name)
			if other.host() == other.Name {
				continue
			}
			address := func(name string) string {
				if mention.port == 0 || mention.byScheme {
					return name
				}
				return fmt.Sprintf("%s:%d", name, mention.port)
			}
			c.note(s, mention.field, "the host %s is %s in the cluster: change %s to %s",
				other.Name, other.host(), address(other.Name), address(other.host()))
		}
	}
}

// callers returns the services that name the service as a host, or depend on it other than by
// waiting for it to complete.
func (c *converter) callers(s *service) []string {
	var out []string
	for _, other := range c.services {
		dependency, waits := other.DependsOn[s.Name]
		if waits && dependency.Condition != conditionCompleted ||
			slices.ContainsFunc(other.talk, func(m mention) bool { return m.name == s.Name }) {
			out = append(out, other.Name)
		}
	}
	return out
}

// sortedKeys returns the keys of a map, sorted.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
