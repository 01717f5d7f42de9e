// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// maxLabel is the maximum length of a DNS label, and so of most names.
const maxLabel = validation.DNS1123LabelMaxLength

// label converts a name to a DNS label of at most the given number of characters. It is empty if no
// character of the name is valid.
func label(name string, most int) string {
	var out strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			out.WriteRune(r)
		default:
			out.WriteByte('-')
		}
	}
	return shorten(out.String(), most)
}

// hostLabel converts a name to a label that is valid for a Service: it starts with a letter.
func hostLabel(name string, most int) string {
	cleaned := label(name, most)
	if cleaned == "" || cleaned[0] < 'a' {
		cleaned = shorten("app-"+cleaned, most)
	}
	return cleaned
}

func shorten(name string, most int) string {
	name = strings.Trim(name, "-")
	return strings.TrimRight(name[:min(len(name), most)], "-")
}

// unique returns the name, with a number appended if it is taken.
func unique(name string, most int, taken func(string) bool) string {
	candidate := name
	for number := 2; taken(candidate); number++ {
		suffix := "-" + strconv.Itoa(number)
		candidate = shorten(name, most-len(suffix)) + suffix
	}
	return candidate
}

// names is a set of the names that are taken.
type names map[string]bool

// take returns the name, or a similar one if it is taken, and marks it as taken.
func (n names) take(name string, most int) string {
	name = unique(name, most, func(candidate string) bool { return n[candidate] })
	n[name] = true
	return name
}

// resource returns the name of the object for a volume, config or secret. A name that the Compose
// file sets is kept. Docker Compose's default, <project>_<key>, becomes <project>-<key>.
func (c *converter) resource(key, name string) string {
	if name == "" || name == c.project.Name+"_"+key {
		name = c.project.Name + "-" + key
	}
	return objectName(name)
}

// objectName returns the name unchanged if it is valid in Kubernetes. It allows dots, because an
// existing object's name may have some. An invalid name is converted to a label.
func objectName(name string) string {
	if len(validation.IsDNS1123Subdomain(name)) == 0 {
		return name
	}
	if cleaned := label(name, maxLabel); cleaned != "" {
		return cleaned
	}
	return "unnamed"
}
