// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package naming holds every name, label, selector and field owner that the
// operator gives to what it writes.
package naming

import (
	"maps"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// FieldOwner is the field manager of every write of the operator.
const FieldOwner = "appstack"

// Main is the name of the component that the top of the spec describes.
const Main = "main"

// AppContainer is the name of the container that runs the component's image.
const AppContainer = "app"

// Labels of what the operator writes.
const (
	// LabelStack names the stack that an object belongs to. It is on children,
	// revisions and pods, and chooses what the operator watches.
	LabelStack = v1alpha1.GroupName + "/stack"
	// LabelComponent names the component that an object belongs to.
	LabelComponent = v1alpha1.GroupName + "/component"

	labelName      = "app.kubernetes.io/name"
	labelPartOf    = "app.kubernetes.io/part-of"
	labelManagedBy = "app.kubernetes.io/managed-by"
)

// Annotations of what the operator writes.
const (
	// AnnotationRevision is on a Deployment: the number of the revision whose template it has.
	AnnotationRevision = v1alpha1.GroupName + "/revision"
	// AnnotationConfigHash is on children: the hash of what was asked for last.
	AnnotationConfigHash = v1alpha1.GroupName + "/config-hash"
	// AnnotationRestartedAt is on a pod template: the restart that it was made for.
	AnnotationRestartedAt = v1alpha1.GroupName + "/restarted-at"
	// AnnotationRecord is on a ControllerRevision: what is recorded of the
	// revision besides its immutable content, as JSON.
	AnnotationRecord = v1alpha1.GroupName + "/record"
)

// Object is the name of a component's Deployment, Service and so on.
func Object(stack, component string) string {
	if component == Main {
		return stack
	}
	return stack + "-" + component
}

// Revision is the name of the record of a stack's revision.
func Revision(stack string, number int64) string {
	return stack + "-" + strconv.FormatInt(number, 10)
}

// Selector chooses the pods of a component.
func Selector(stack, component string) map[string]string {
	return map[string]string{LabelStack: stack, LabelComponent: component}
}

// Labels are those of a component's objects and pods.
func Labels(stack, component string) map[string]string {
	labels := Recommended(stack)
	labels[labelName] = Object(stack, component)
	maps.Copy(labels, Selector(stack, component))
	return labels
}

// Recommended are the labels of everything that belongs to a stack, with
// those that Kubernetes recommends (kubernetes.io/docs, "Recommended Labels").
func Recommended(stack string) map[string]string {
	return map[string]string{
		LabelStack:     stack,
		labelName:      stack,
		labelPartOf:    stack,
		labelManagedBy: FieldOwner,
	}
}

// Owner is the reference by which a stack owns its children and revisions.
func Owner(stack *v1alpha1.AppStack) metav1.OwnerReference {
	return *metav1.NewControllerRef(stack, v1alpha1.GroupVersion.WithKind("AppStack"))
}

// Port is the name of a port that has none, by its number and protocol on the
// Service, by which clients know it: other ports may come, go and change places.
func Port(number int32, protocol string) string {
	name := "port-" + strconv.Itoa(int(number))
	if protocol != "TCP" {
		name += "-" + strings.ToLower(protocol)
	}
	return name
}

// ServiceHost is the name by which a Service is reached inside the cluster.
func ServiceHost(namespace, service string) string {
	return strings.Join([]string{service, namespace, "svc"}, ".")
}
