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

// The kinds that the pipeline itself knows. All kinds of children are in the package kinds.
const (
	KindDeployment Kind = "Deployment"
	KindService    Kind = "Service"
	// KindRevision is the kind of a stack's records.
	KindRevision Kind = "ControllerRevision"
)

// Children are live objects, by kind and name.
type Children map[Kind]map[string]metav1.Object

// Find is the object of that kind and name, or nil.
func (c Children) Find(kind Kind, name string) metav1.Object { return c[kind][name] }

// Put adds the object, in place of one of its kind and name.
func (c Children) Put(kind Kind, object metav1.Object) {
	if c[kind] == nil {
		c[kind] = map[string]metav1.Object{}
	}
	c[kind][object.GetName()] = object
}

// Remove takes the object of that kind and name away; there need not be one.
func (c Children) Remove(kind Kind, name string) { delete(c[kind], name) }

// Deployment is the one of that name, or nil.
func (c Children) Deployment(name string) *appsv1.Deployment {
	found, _ := c.Find(KindDeployment, name).(*appsv1.Deployment)
	return found
}

// Service is the one of that name, or nil.
func (c Children) Service(name string) *corev1.Service {
	found, _ := c.Find(KindService, name).(*corev1.Service)
	return found
}

// Deployments are all of them, by name.
func (c Children) Deployments() map[string]*appsv1.Deployment {
	all := make(map[string]*appsv1.Deployment, len(c[KindDeployment]))
	for name := range c[KindDeployment] {
		all[name] = c.Deployment(name)
	}
	return all
}
