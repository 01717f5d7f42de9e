// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Kind is the kind of an object that the operator writes.
type Kind string

// Kinds that the pipeline itself refers to. The package kinds has all kinds of children.
const (
	KindDeployment Kind = "Deployment"
	KindService    Kind = "Service"
	// KindConfigMap is the kind of copies of ConfigMaps.
	KindConfigMap Kind = "ConfigMap"
	// KindRevision is the kind of revisions.
	KindRevision Kind = "ControllerRevision"
)

// Children are live objects, by kind and name.
type Children map[Kind]map[string]metav1.Object

// Find returns the object of that kind and name, or nil.
func (c Children) Find(kind Kind, name string) metav1.Object { return c[kind][name] }

// Put adds the object, and replaces one of the same kind and name.
func (c Children) Put(kind Kind, object metav1.Object) {
	if c[kind] == nil {
		c[kind] = map[string]metav1.Object{}
	}
	c[kind][object.GetName()] = object
}

// Remove removes the object of that kind and name, if there is one.
func (c Children) Remove(kind Kind, name string) { delete(c[kind], name) }

// Deployment returns the Deployment of that name, or nil.
func (c Children) Deployment(name string) *appsv1.Deployment {
	found, _ := c.Find(KindDeployment, name).(*appsv1.Deployment)
	return found
}

// Service returns the Service of that name, or nil.
func (c Children) Service(name string) *corev1.Service {
	found, _ := c.Find(KindService, name).(*corev1.Service)
	return found
}

// Deployments returns all Deployments, by name.
func (c Children) Deployments() map[string]*appsv1.Deployment {
	all := make(map[string]*appsv1.Deployment, len(c[KindDeployment]))
	for name := range c[KindDeployment] {
		all[name] = c.Deployment(name)
	}
	return all
}
