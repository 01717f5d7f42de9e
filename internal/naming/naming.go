// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package naming defines the names, labels, selectors, annotations and the field manager of the
// objects that the operator writes.
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

// Main is the name of the component that the top-level fields of the spec describe.
const Main = "main"

// AppContainer is the name of the container with the component's image.
const AppContainer = "app"

// Labels of the objects that the operator writes.
const (
	// LabelStack is the name of the stack that an object belongs to. Children, revisions and pods
	// have it, and the operator's watches select by it.
	LabelStack = v1alpha1.GroupName + "/stack"
	// LabelComponent is the name of the component that an object belongs to.
	LabelComponent = v1alpha1.GroupName + "/component"

	labelName      = "app.kubernetes.io/name"
	labelPartOf    = "app.kubernetes.io/part-of"
	labelManagedBy = "app.kubernetes.io/managed-by"
)

// Annotations of the objects that the operator writes.
const (
	// AnnotationRevision on a Deployment is the number of the revision that its template is from.
	AnnotationRevision = v1alpha1.GroupName + "/revision"
	// AnnotationConfigHash on a child is the hash of the configuration in the operator's last
	// write.
	AnnotationConfigHash = v1alpha1.GroupName + "/config-hash"
	// AnnotationRestartedAt on a pod template is the restart that the template was rendered for.
	AnnotationRestartedAt = v1alpha1.GroupName + "/restarted-at"
	// AnnotationSecretsChangedAt on a pod template is when changed Secrets last replaced the
	// component's pods.
	AnnotationSecretsChangedAt = v1alpha1.GroupName + "/secrets-changed-at"
	// AnnotationConfigSource on the copy of a ConfigMap is the name of the ConfigMap.
	AnnotationConfigSource = v1alpha1.GroupName + "/config-source"
	// AnnotationRecord on a ControllerRevision is the mutable part of the revision, beside its
	// immutable content, as JSON.
	AnnotationRecord = v1alpha1.GroupName + "/record"
)

// Object returns the name of a component's Deployment, Service and other objects.
func Object(stack, component string) string {
	if component == Main {
		return stack
	}
	return stack + "-" + component
}

// Revision returns the name of the ControllerRevision with the number.
func Revision(stack string, number int64) string {
	return stack + "-" + strconv.FormatInt(number, 10)
}

// maxName is the maximum length of the name of an object, in bytes (RFC 1123 subdomain).
const maxName = 253

// ConfigCopy returns the name of a stack's copy of a ConfigMap, or of its files. The hash identifies the stack, the
// ConfigMap and its content, so the name is unique even where the name of the ConfigMap has to be
// shortened.
func ConfigCopy(stack, configMap, hash string) string {
	room := maxName - len(stack) - len(hash) - len("--")
	source := strings.TrimRight(strings.ReplaceAll(configMap[:min(len(configMap), room)], "/", "-"), ".-")
	return stack + "-" + source + "-" + hash
}

// Selector returns the labels that select the pods of a component.
func Selector(stack, component string) map[string]string {
	return map[string]string{LabelStack: stack, LabelComponent: component}
}

// Labels returns the labels of a component's objects and pods.
func Labels(stack, component string) map[string]string {
	labels := Recommended(stack)
	labels[labelName] = Object(stack, component)
	maps.Copy(labels, Selector(stack, component))
	return labels
}

// Recommended returns the labels of everything that belongs to a stack, including those that
// Kubernetes recommends (kubernetes.io/docs, "Recommended Labels").
func Recommended(stack string) map[string]string {
	return map[string]string{
		LabelStack:     stack,
		labelName:      stack,
		labelPartOf:    stack,
		labelManagedBy: FieldOwner,
	}
}

// Owner returns the owner reference of a stack's children and revisions.
func Owner(stack *v1alpha1.AppStack) metav1.OwnerReference {
	return *metav1.NewControllerRef(stack, v1alpha1.GroupVersion.WithKind("AppStack"))
}

// Port returns the name of a port without one. It is made of the number and protocol that clients
// use on the Service, so it does not change when other ports are added, removed or reordered.
func Port(number int32, protocol string) string {
	name := "port-" + strconv.Itoa(int(number))
	if protocol != "TCP" {
		name += "-" + strings.ToLower(protocol)
	}
	return name
}

// ServiceHost returns the DNS name of a Service inside the cluster, without the cluster domain.
func ServiceHost(namespace, service string) string {
	return strings.Join([]string{service, namespace, "svc"}, ".")
}
