// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package compose makes AppStacks of a Compose project, and says what it could
// not carry over. Nothing of the project disappears without a note.
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

// Options say how a project is read, and how it becomes stacks.
type Options struct {
	// ProjectName is used in place of the name that the files or the folder give.
	ProjectName string
	// Profiles are the Compose profiles to take in. Without any, it is those of
	// the variable COMPOSE_PROFILES.
	Profiles []string
	// EnvFiles hold variables for the Compose files. Without any, it is the .env
	// beside the first Compose file, where there is one.
	EnvFiles []string
	// Stack makes all services components of one stack of this name.
	Stack string
	// VolumeSize is what the claims ask for that are made of named volumes. It
	// defaults to 1Gi.
	VolumeSize resource.Quantity
}

// Result is what a project has become.
type Result struct {
	// Objects in the order in which to apply them: ConfigMaps,
	// PersistentVolumeClaims, and AppStacks, those that others depend on first.
	Objects []client.Object
	// Notes of the whole project first, then by service.
	Notes []Note
}

// Note is one thing that was not carried over, or that a person has to do or know.
type Note struct {
	// Stack is the AppStack that the service became. It is empty where the note
	// is about the whole project.
	Stack string
	// Service is the name that the Compose file has.
	Service string
	// Field of the service or of the project, such as deploy.mode.
	Field string
	// Message says what is different, and what to do about it.
	Message string
}

// String is the note as one line.
func (n Note) String() string {
	parts := []string{n.Service, n.Field, n.Message}
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	return oneLine(strings.Join(parts, ": "))
}

// converter holds what the steps of a conversion share.
type converter struct {
	project  *types.Project
	options  Options
	services []*service // by name
	stacks   []*stack   // by name
	claims   map[string]*claim
	configs  map[string]string // ConfigMaps by config
	secrets  map[string]string // Secrets by secret
	notes    []Note
}

// service is a Compose service and its place in a stack.
type service struct {
	types.ServiceConfig

	stack     *stack
	component string // naming.Main, or the name of a further component
	image     string
	ports     []port
	talk      []mention // of other services
}

// host is the name of the service's Deployment and Service.
func (s *service) host() string { return naming.Object(s.stack.name, s.component) }

// runsCommand says whether the service replaces what its image runs.
func (s *service) runsCommand() bool { return len(s.Entrypoint)+len(s.Command) > 0 }

// stack is an AppStack to be. Its first service is the main component.
type stack struct {
	name     string
	services []*service
}

func (s *stack) main() *service { return s.services[0] }

// Convert makes AppStacks of a project that Load has read. It reads nothing else.
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

// take looks at the services, and refuses what no stack can be made of.
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

// sortedNotes are the notes, each once. Within a service they keep the order in
// which they were found.
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

// service finds a service by the name that the Compose file has; it may be nil.
func (c *converter) service(name string) *service {
	at := slices.IndexFunc(c.services, func(s *service) bool { return s.Name == name })
	if at < 0 {
		return nil
	}
	return c.services[at]
}
