// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package model holds the plain data types that the pipeline passes on, without any client.
package model

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

// Content is what a revision decides: the pod template and the Service of every component. It
// is rendered when the revision is created and never again (R1, R2). Its JSON form is stored,
// so fields are only ever added.
type Content struct {
	// Components has the main component first, then the others by name.
	Components []Component `json:"components"`
	// Config has the copies of ConfigMaps that the templates reference, sorted by source name.
	Config []ConfigCopy `json:"config,omitempty"`
}

// Component is a component as a revision stores it.
type Component struct {
	Name string `json:"name"`
	// Selector selects the component's pods, in the Deployment and in the Service.
	Selector map[string]string `json:"selector"`
	// Template includes the API server's defaults.
	Template corev1.PodTemplateSpec `json:"template"`
	// Service is nil if the component has no ports.
	Service *Service `json:"service,omitempty"`
	// Provenance is where the values above come from. It has no effect on what runs.
	Provenance Provenance `json:"provenance,omitzero"`
}

// Service is a component's Service as a revision stores it.
type Service struct {
	Type              corev1.ServiceType   `json:"type"`
	Annotations       map[string]string    `json:"annotations,omitempty"`
	LoadBalancerClass string               `json:"loadBalancerClass,omitempty"`
	Ports             []corev1.ServicePort `json:"ports"`
}

// Hash returns the hash of the content without its provenance. So the hash is the same whether the
// spec or the image sets a value.
func (c Content) Hash() string {
	c.Components = slices.Clone(c.Components)
	for i := range c.Components {
		c.Components[i].Provenance = Provenance{}
	}
	return Hash(c)
}

// Find returns the component of that name, or nil.
func (c Content) Find(name string) *Component {
	for i := range c.Components {
		if c.Components[i].Name == name {
			return &c.Components[i]
		}
	}
	return nil
}

// App returns the container that runs the component's image. A stored template always has it;
// otherwise App returns an empty container.
func (c Component) App() *corev1.Container {
	for i := range c.Template.Spec.Containers {
		if c.Template.Spec.Containers[i].Name == naming.AppContainer {
			return &c.Template.Spec.Containers[i]
		}
	}
	return &corev1.Container{}
}

// Operation is how a component is operated, as opposed to its content. Changing it creates no
// revision and replaces no pod (R1).
type Operation struct {
	Replicas         *int32                     `json:"replicas,omitempty"`
	Autoscaling      *v1alpha1.Autoscaling      `json:"autoscaling,omitempty"`
	DisruptionBudget *v1alpha1.DisruptionBudget `json:"disruptionBudget,omitempty"`
}

// Floor returns the minimum number of pods that the operation requires; 1 if it sets none.
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

// Wanted returns the minimum number of pods for a Deployment with the given replica count. It is 0
// if the spec sets neither replicas nor autoscaling and someone scaled the Deployment to zero.
func (o Operation) Wanted(replicas int32) int32 {
	if o.Replicas == nil && o.Autoscaling == nil {
		return min(o.Floor(), replicas)
	}
	return o.Floor()
}
