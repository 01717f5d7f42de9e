// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package render renders the Kubernetes objects of components. It is pure: the same input renders
// the same objects.
package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// Defaults are the values that the operator adds where the spec sets none. A revision stores them,
// so that other defaults in a later version of the operator change no pod of a stack with an
// unchanged spec (R2).
type Defaults struct {
	// PreStopSeconds is how long a pod with ports keeps serving after its deletion starts, until
	// load balancers have removed it.
	PreStopSeconds int64
	// TerminationGraceSeconds is how long a pod may take to terminate, not counting preStop.
	TerminationGraceSeconds int64
}

// StandardDefaults returns defaults with which an update loses no request (R24).
func StandardDefaults() Defaults {
	return Defaults{PreStopSeconds: 5, TerminationGraceSeconds: 30}
}

// Input is the input from which the content of a new revision is rendered.
type Input struct {
	Stack    *v1alpha1.AppStack
	Defaults Defaults
	// Restart is stamped on the pod templates if it is set, so that pods are replaced although
	// their content is unchanged.
	Restart *time.Time
	// Images are the results for Requests. Images without a result run as written.
	Images map[model.ImageRequest]model.Image
	// Names are the generated port names to keep from an earlier revision, by component.
	Names map[string]PortNames
	// Earlier are the facts of each component's previous image, by component.
	Earlier map[string]*model.Facts
	// Adopted are the labels that a component's pods must have because existing objects select
	// them, by component.
	Adopted map[string]Adoption
}

// Adoption describes the existing Deployment and Service that a component adopts (R26).
type Adoption struct {
	// Selector is the Deployment's selector, which is immutable.
	Selector map[string]string
	// Labels are the labels by which the Service selects its pods.
	Labels map[string]string
	// Service reports whether there is a Service.
	Service bool
}

// Content renders all components of the stack. It returns an error if a pod template is invalid, or
// if a probe or lifecycle handler names a port that does not exist.
func Content(in Input) (model.Content, error) {
	content, err := Draft(in)
	if err != nil {
		return model.Content{}, err
	}
	for _, component := range content.Components {
		if err := checkHandlers(&component.Template.Spec); err != nil {
			return model.Content{}, fmt.Errorf("component %s: %w", component.Name, err)
		}
	}
	return content, nil
}

// Draft renders the content before its images are resolved. It does not check handlers, because
// they may name ports that only an image defines.
func Draft(in Input) (model.Content, error) {
	spec := in.Stack.Spec
	main := v1alpha1.Component{Name: naming.Main, Image: spec.Image, ComponentSpec: spec.ComponentSpec}
	components := append([]v1alpha1.Component{main}, sorted(spec.Components)...)
	var content model.Content
	for _, component := range components {
		component.Image = cmp.Or(component.Image, spec.Image)
		rendered, err := renderComponent(in, component)
		if err != nil {
			return model.Content{}, fmt.Errorf("component %s: %w", component.Name, err)
		}
		content.Components = append(content.Components, rendered)
	}
	return content, nil
}

func sorted(components []v1alpha1.Component) []v1alpha1.Component {
	return slices.SortedFunc(slices.Values(components),
		func(a, b v1alpha1.Component) int { return cmp.Compare(a.Name, b.Name) })
}

func renderComponent(in Input, component v1alpha1.Component) (model.Component, error) {
	selector := naming.Selector(in.Stack.Name, component.Name)
	required := maps.Clone(selector)
	adopted := in.Adopted[component.Name]
	if len(adopted.Selector) > 0 {
		selector = adopted.Selector
	}
	maps.Copy(required, adopted.Labels)
	maps.Copy(required, adopted.Selector)
	spec := component
	component.Ports = named(spec.Ports, in.Names[component.Name])
	template, err := overlay(podTemplate(in, component, inherited{}, selector), component.PodTemplate)
	if err != nil {
		return model.Component{}, err
	}
	var brought inherited
	facts := factsOf(template, in.Images, in.Earlier[component.Name])
	if facts != nil {
		component, brought = inherit(component, *facts, adopted)
		if brought.ports {
			component.Ports = named(unnamed(component.Ports), in.Names[component.Name])
		}
		if template, err = overlay(podTemplate(in, component, brought, selector), component.PodTemplate); err != nil {
			return model.Component{}, err
		}
		complete(&template, *facts)
		if brought.ports && len((model.Component{Template: template}).App().Ports) == 0 {
			component.Ports = nil // the overlay removed the inherited ports
		}
	}
	if err := follow((model.Component{Template: template}).App(), probed(component, brought)); err != nil {
		return model.Component{}, err
	}
	service, err := service(component, &template.Spec)
	if err != nil {
		return model.Component{}, err
	}
	provenance := provenanceOf(spec, brought, template)
	provenance.Facts = facts
	pin(&template, in.Images, &provenance)
	if template.Labels == nil {
		template.Labels = map[string]string{}
	}
	maps.Copy(template.Labels, required) // selectors need these, so they override the user's podTemplate
	return model.Component{
		Name:       component.Name,
		Selector:   selector,
		Template:   template,
		Service:    service,
		Provenance: provenance,
	}, nil
}

// Operations returns the operational settings in the spec by component name.
func Operations(spec v1alpha1.AppStackSpec) map[string]model.Operation {
	operations := map[string]model.Operation{naming.Main: operation(spec.ComponentSpec)}
	for _, component := range spec.Components {
		operations[component.Name] = operation(component.ComponentSpec)
	}
	return operations
}

func operation(spec v1alpha1.ComponentSpec) model.Operation {
	return model.Operation{
		Replicas:         spec.Replicas,
		Autoscaling:      spec.Autoscaling,
		DisruptionBudget: spec.DisruptionBudget,
	}
}
