// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package compose converts a Compose project to AppStacks. Each setting that it cannot convert gets
// a note.
package compose

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/naming"
)

// Options configure Load and Convert.
type Options struct {
	// ProjectName overrides the name that the files or the folder give.
	ProjectName string
	// Profiles are the Compose profiles to enable. If empty, the variable COMPOSE_PROFILES applies.
	Profiles []string
	// EnvFiles are files with variables for the Compose files. If empty, the file .env beside the
	// first Compose file applies, if it exists.
	EnvFiles []string
	// Stack is the name of one stack with all services as its components. If empty, services become
	// stacks of their own, except those that group assigns to another one's stack.
	Stack string
	// VolumeSize is the storage request of the claims for named volumes. The default is 1Gi.
	VolumeSize resource.Quantity
}

// Result is the outcome of a conversion.
type Result struct {
	// Objects in the order in which to apply them: ConfigMaps, PersistentVolumeClaims and
	// AppStacks. A stack comes after those that it depends on.
	Objects []client.Object
	// Notes are sorted by service, after those about the whole project.
	Notes []Note
}

// Note is a message about something that was not converted, or that the user has to do or know.
type Note struct {
	// Stack is the AppStack that the service belongs to; empty if the note is about the whole
	// project.
	Stack string
	// Service is the name in the Compose file.
	Service string
	// Field of the service or of the project, such as deploy.mode.
	Field string
	// Message says what differs, and what to do about it.
	Message string
}

// String returns the note as one line.
func (n Note) String() string {
	parts := []string{n.Service, n.Field, n.Message}
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	return oneLine(strings.Join(parts, ": "))
}

// converter is the state of a conversion.
type converter struct {
	project  *types.Project
	options  Options
	services []*service // by name
	stacks   []*stack   // by name
	claims   map[string]*claim
	configs  map[string]string // names of ConfigMaps by config
	inline   map[string]bool   // configs that become files of the stack
	secrets  map[string]string // names of Secrets by secret
	notes    []Note
}

// service is a Compose service and its place in a stack.
type service struct {
	types.ServiceConfig

	stack     *stack
	component string // naming.Main, or the name of a further component
	image     string
	ports     []port
	talk      []mention // the other services that it names as hosts
}

// host returns the name of the service's Deployment and Service.
func (s *service) host() string { return naming.Object(s.stack.name, s.component) }

// runsCommand reports whether the service overrides its image's ENTRYPOINT or CMD.
func (s *service) runsCommand() bool { return len(s.Entrypoint)+len(s.Command) > 0 }

// stack is a future AppStack. Its first service is the main component.
type stack struct {
	name     string
	services []*service
}

func (s *stack) main() *service { return s.services[0] }

// Convert converts a project from Load to AppStacks. It reads no files and no environment.
func Convert(project *types.Project, options Options) (Result, error) {
	if options.VolumeSize.IsZero() {
		options.VolumeSize = resource.MustParse("1Gi")
	}
	c := &converter{project: project, options: options}
	if err := c.take(); err != nil {
		return Result{}, err
	}
	c.findMentions()
	c.findPorts()
	if err := c.group(); err != nil {
		return Result{}, err
	}
	c.nameClaims()
	c.nameFiles()

	var result Result
	stacks := c.appStacks()
	result.Objects = slices.Concat(c.configMaps(), c.persistentVolumeClaims(), stacks)
	c.noteMentions()
	c.noteLeftovers()
	result.Notes = c.sortedNotes()
	return result, nil
}

// take collects the services. It returns an error for those that cannot become a stack, and if
// there are none.
func (c *converter) take() error {
	for _, name := range c.project.ServiceNames() {
		config := c.project.Services[name]
		config.Name = name
		switch {
		case config.Provider != nil:
			return fmt.Errorf("service %s comes from the provider %q and not from an image: leave it out of what is imported",
				name, config.Provider.Type)
		case config.Image == "" && config.Build == nil:
			return fmt.Errorf("service %s has neither image nor build: name the image that it runs", name)
		}
		c.services = append(c.services, &service{ServiceConfig: config})
	}
	if len(c.services) > 0 {
		return nil
	}
	if left := c.project.DisabledServiceNames(); len(left) > 0 {
		return fmt.Errorf("no service is left: all of them (%s) belong to profiles that were not asked for", strings.Join(left, ", "))
	}
	return errors.New("the project has no services")
}

// note adds a note about a service.
func (c *converter) note(s *service, field, format string, values ...any) {
	c.notes = append(c.notes, Note{Service: s.Name, Field: field, Message: fmt.Sprintf(format, values...)})
}

// noteProject adds a note about the whole project.
func (c *converter) noteProject(field, format string, values ...any) {
	c.notes = append(c.notes, Note{Field: field, Message: fmt.Sprintf(format, values...)})
}

// sortedNotes returns the notes without duplicates, sorted by service. Within a service they keep
// their order.
func (c *converter) sortedNotes() []Note {
	var notes []Note
	for _, note := range c.notes {
		if s := c.service(note.Service); s != nil {
			note.Stack = s.stack.name
		}
		if !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
	}
	slices.SortStableFunc(notes, func(a, b Note) int { return cmp.Compare(a.Service, b.Service) })
	return notes
}

// service returns the service with the name in the Compose file, or nil.
func (c *converter) service(name string) *service {
	at := slices.IndexFunc(c.services, func(s *service) bool { return s.Name == name })
	if at < 0 {
		return nil
	}
	return c.services[at]
}
