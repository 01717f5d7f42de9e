// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// maxLabel is how long a DNS label may be, and with it most names.
const maxLabel = validation.DNS1123LabelMaxLength

// label makes a DNS label of a name, of at most so many characters. It is empty
// where nothing of the name can be used.
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

// hostLabel makes a label that a Service can carry: it starts with a letter.
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

// unique is the name, or the name with a number where it is taken.
func unique(name string, most int, taken func(string) bool) string {
	candidate := name
	for number := 2; taken(candidate); number++ {
		suffix := "-" + strconv.Itoa(number)
		candidate = shorten(name, most-len(suffix)) + suffix
	}
	return candidate
}

// names are those that are taken.
type names map[string]bool

// take gives out the name, or a similar one that is free.
func (n names) take(name string, most int) string {
	name = unique(name, most, func(candidate string) bool { return n[candidate] })
	n[name] = true
	return name
}

// resource is the name of an object that a part of the project becomes. What the
// Compose file calls it holds, and Docker Compose's own name for it does not.
func (c *converter) resource(key, name string) string {
	if name == "" || name == c.project.Name+"_"+key {
		name = c.project.Name + "-" + key
	}
	return objectName(name)
}

// objectName keeps a name that Kubernetes takes, dots included, as that of
// something which is there already may have some.
func objectName(name string) string {
	if len(validation.IsDNS1123Subdomain(name)) == 0 {
		return name
	}
	if cleaned := label(name, maxLabel); cleaned != "" {
		return cleaned
	}
	return "unnamed"
}
