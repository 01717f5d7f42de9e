// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package model holds the values that pass through the pipeline: plain data,
// without a client.
package model

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

// Content is what a revision decides: for every component what its pods and
// its Service are. It is rendered when the revision is made and never again
// (R1, R2). Its JSON form is stored, so fields are only ever added.
type Content struct {
	// Components, the main one first, the others by name.
	Components []Component `json:"components"`
}

// Component is a component as a revision holds it.
type Component struct {
	Name string `json:"name"`
	// Selector is that of the Deployment and of the Service.
	Selector map[string]string `json:"selector"`
	// Template is complete: with the defaults that the API server filled in.
	Template corev1.PodTemplateSpec `json:"template"`
	// Service is nil where the component has no ports.
	Service *Service `json:"service,omitempty"`
	// Provenance is where the above came from; it decides nothing.
	Provenance Provenance `json:"provenance,omitzero"`
}

// Service is a component's Service as a revision holds it.
type Service struct {
	Type              corev1.ServiceType   `json:"type"`
	Annotations       map[string]string    `json:"annotations,omitempty"`
	LoadBalancerClass string               `json:"loadBalancerClass,omitempty"`
	Ports             []corev1.ServicePort `json:"ports"`
}

// Hash is that of what the content decides. Where its values came from is not
// part of it: a spec that says itself what its image says has the same content.
func (c Content) Hash() string {
	c.Components = slices.Clone(c.Components)
	for i := range c.Components {
		c.Components[i].Provenance = Provenance{}
	}
	return Hash(c)
}

// Find is the component of that name, or nil.
func (c Content) Find(name string) *Component {
	for i := range c.Components {
		if c.Components[i].Name == name {
			return &c.Components[i]
		}
	}
	return nil
}

// App is the container that runs the component's image. A template that was
// recorded always has it.
func (c Component) App() *corev1.Container {
	for i := range c.Template.Spec.Containers {
		if c.Template.Spec.Containers[i].Name == naming.AppContainer {
			return &c.Template.Spec.Containers[i]
		}
	}
	return &corev1.Container{}
}

// Operation is how a component is run, as opposed to what it is: changing it
// makes no revision and replaces no pod (R1).
type Operation struct {
	Replicas         *int32                     `json:"replicas,omitempty"`
	Autoscaling      *v1alpha1.Autoscaling      `json:"autoscaling,omitempty"`
	DisruptionBudget *v1alpha1.DisruptionBudget `json:"disruptionBudget,omitempty"`
}

// Floor is the least number of pods that the operation asks for, 1 where it
// leaves the number to others.
func (o Operation) Floor() int32 {
	switch {
	case o.Replicas != nil:
		return *o.Replicas
	case o.Autoscaling != nil && o.Autoscaling.MinReplicas != nil:
		return *o.Autoscaling.MinReplicas
	default:
		return 1
	}
}

// Wanted is the least number of pods that a Deployment with so many replicas
// is to have: where the spec leaves the number to others, none is asked for of
// one that they scaled to zero.
func (o Operation) Wanted(replicas int32) int32 {
	if o.Replicas == nil && o.Autoscaling == nil {
		return min(o.Floor(), replicas)
	}
	return o.Floor()
}
