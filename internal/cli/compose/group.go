// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/appstack-dev/appstack/internal/naming"
)

const (
	// maxComponents is the limit of spec.components.
	maxComponents = 20
	// maxShared is the maximum length of the name of a stack with further components. It leaves
	// enough of the 63 characters of "<stack>-<component>" for their names.
	maxShared = 40
)

// group assigns each service to a stack. Services call each other by name, so each becomes a stack
// of that name. The exception is a service that runs another command of the same image and has no
// ports, so nobody calls it: it becomes a component.
func (c *converter) group() error {
	families := c.families()
	if c.options.Stack != "" {
		return c.oneStack()
	}
	for _, family := range families {
		first := &stack{services: family[:1:1]}
		c.stacks = append(c.stacks, first)
		for _, s := range family[1:] {
			// Without a command the service runs the image's own program, and may have the ports
			// that the image exposes. A task exits, which would fail each release of the stack.
			if len(s.ports) == 0 && s.runsCommand() && !c.isTask(s) && len(first.services) <= maxComponents {
				first.services = append(first.services, s)
			} else {
				c.stacks = append(c.stacks, &stack{services: []*service{s}})
			}
		}
	}
	c.nameStacks()
	return nil
}

// families groups the services by image, and sets the image of each. The first service of a family
// becomes the main component.
func (c *converter) families() [][]*service {
	var families [][]*service
	for _, s := range c.services {
		at := slices.IndexFunc(families, func(family []*service) bool {
			return slices.ContainsFunc(family, func(other *service) bool { return sameImage(s, other) })
		})
		if at < 0 {
			families = append(families, []*service{s})
		} else {
			families[at] = append(families[at], s)
		}
	}
	for _, family := range families {
		slices.SortStableFunc(family, func(a, b *service) int { return cmp.Compare(c.rank(a), c.rank(b)) })
		for _, s := range family {
			// the name that docker compose build gives the image
			s.image = cmp.Or(s.Image, c.project.Name+"-"+family[0].Name)
		}
	}
	return families
}

// rank returns the sort key of a service within its family: the first becomes the main component.
func (c *converter) rank(s *service) int {
	switch {
	case c.isTask(s):
		return 3
	case len(s.ports) > 0:
		return 0
	case !s.runsCommand(): // the image may EXPOSE ports
		return 1
	default:
		return 2
	}
}

func sameImage(a, b *service) bool {
	if a.Image != "" && a.Image == b.Image {
		return true
	}
	return a.Build != nil && b.Build != nil && reflect.DeepEqual(recipe(a.Build), recipe(b.Build))
}

// recipe returns the fields of a build that determine the content of the image.
func recipe(build *types.BuildConfig) types.BuildConfig {
	return types.BuildConfig{
		Context: build.Context, Dockerfile: build.Dockerfile, DockerfileInline: build.DockerfileInline, Target: build.Target,
		Args: maps.Clone(build.Args),
	}
}

// oneStack puts all services into one stack. The first one that publishes a port becomes the main
// component.
func (c *converter) oneStack() error {
	name := c.options.Stack
	if hostLabel(name, maxShared) != name {
		return fmt.Errorf("the stack cannot be named %q: at most %d lower case letters, digits and '-', the first a letter", name, maxShared)
	}
	if len(c.services) > maxComponents+1 {
		return fmt.Errorf("%d services are too many for one stack: it has %d components at most", len(c.services), maxComponents+1)
	}
	first := max(0, slices.IndexFunc(c.services, func(s *service) bool {
		return slices.ContainsFunc(s.ports, func(p port) bool { return len(p.published) > 0 })
	}))
	services := slices.Concat(c.services[first:first+1], c.services[:first], c.services[first+1:])
	c.stacks = []*stack{{name: name, services: services}}
	services[0].stack, services[0].component = c.stacks[0], naming.Main
	c.nameComponents(c.stacks[0], names{name: true})
	if len(services) > 1 {
		c.noteProject("services", "all are components of the stack %s: the host name of %s is %s, and that of any other is %s-<service>",
			name, services[0].Name, name, name)
	}
	return nil
}

// nameStacks names each stack after its main service. Names that are valid as they are go first, so
// that no shortened or cleaned name takes one of them.
func (c *converter) nameStacks() {
	slices.SortFunc(c.stacks, func(a, b *stack) int { return cmp.Compare(a.main().Name, b.main().Name) })
	taken := names{}
	for _, keeps := range []bool{true, false} {
		for _, st := range c.stacks {
			most := maxLabel
			if len(st.services) > 1 {
				most = maxShared
			}
			s := st.main()
			if cleaned := hostLabel(s.Name, most); (cleaned == s.Name) == keeps {
				st.name = taken.take(cleaned, most)
				s.stack, s.component = st, naming.Main
			}
		}
	}
	for _, st := range c.stacks {
		if s := st.main(); s.host() != s.Name {
			c.note(s, "", "the stack, and so the host name, is %s: a Service cannot be named %s", s.host(), s.Name)
		}
		c.nameComponents(st, taken)
		for _, s := range st.services[1:] {
			c.note(s, "image", "the same as that of %s: it is the component %s of the stack %s, released and rolled back with it, "+
				"and named %s in kubectl", st.main().Name, s.component, st.name, s.host())
		}
	}
	slices.SortFunc(c.stacks, func(a, b *stack) int { return cmp.Compare(a.name, b.name) })
}

// nameComponents names the components after the main one. The names of their objects must be unique
// in the project.
func (c *converter) nameComponents(st *stack, taken names) {
	most := maxLabel - len(st.name) - len("-")
	most = min(most, 60)
	for _, s := range st.services[1:] {
		name := cmp.Or(label(s.Name, most), "app")
		s.stack = st
		s.component = unique(name, most, func(candidate string) bool {
			return candidate == naming.Main || taken[naming.Object(st.name, candidate)]
		})
		taken[s.host()] = true
	}
}
